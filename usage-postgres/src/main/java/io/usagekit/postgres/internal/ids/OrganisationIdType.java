package io.usagekit.postgres.internal.ids;

import java.math.BigDecimal;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Type of the column of organisation ids, by the spellings that it takes for one value. Each type writes the spellings of a value in one
 * way, which is the text that PostgreSQL returns for it.
 */
enum OrganisationIdType {
    /** Every text is a value of its own. */
    TEXT {
        @Override
        String canonical(String id) {
            return id;
        }
    },

    /** {@code char(n)}: blanks at the end don't count. */
    BLANK_PADDED {
        @Override
        String canonical(String id) {
            int length = id.length();
            while (length > 0 && id.charAt(length - 1) == ' ') {
                length--;
            }
            return id.substring(0, length);
        }
    },

    UUID {
        @Override
        String canonical(String id) {
            return isCanonicalUuid(id) ? id : uuid(id);
        }
    },

    SMALLINT {
        @Override
        String canonical(String id) {
            return whole(id, "smallint", Short.MIN_VALUE, Short.MAX_VALUE);
        }
    },

    INTEGER {
        @Override
        String canonical(String id) {
            return whole(id, "integer", Integer.MIN_VALUE, Integer.MAX_VALUE);
        }
    },

    BIGINT {
        @Override
        String canonical(String id) {
            return whole(id, "bigint", Long.MIN_VALUE, Long.MAX_VALUE);
        }
    },

    NUMERIC {
        @Override
        String canonical(String id) {
            return decimal(id);
        }
    };

    /** What PostgreSQL ignores around a number. */
    private static final String BLANKS = "[ \\t\\n\\x0B\\f\\r]*";

    private static final Pattern WHOLE = Pattern.compile(BLANKS + "([+-]?)0*([0-9]+)" + BLANKS);
    private static final Pattern DECIMAL =
            Pattern.compile(BLANKS + "([+-]?(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?)" + BLANKS);
    private static final Pattern NOT_FINITE =
            Pattern.compile(BLANKS + "(?:(nan)|([+-]?)inf(?:inity)?)" + BLANKS, Pattern.CASE_INSENSITIVE);
    private static final int MOST_DIGITS = 19;
    private static final int MOST_QUOTED = 100;
    private static final int UUID_OCTETS = 16;
    private static final int UUID_LENGTH = 36;

    /**
     * Returns the text that a column of this type writes.
     *
     * @throws IllegalArgumentException if the column can't hold such an id; the message names it and the type
     */
    abstract String canonical(String id);

    /** Returns the type of a column, by the name that PostgreSQL gives it. A type that isn't one of these counts as a text. */
    static OrganisationIdType of(String type) {
        return switch (type) {
            case "character" -> BLANK_PADDED;
            case "uuid" -> UUID;
            case "smallint" -> SMALLINT;
            case "integer" -> INTEGER;
            case "bigint" -> BIGINT;
            case "numeric" -> NUMERIC;
            default -> TEXT;
        };
    }

    private static IllegalArgumentException malformed(String id, String bound) {
        StringBuilder quoted = new StringBuilder();
        id.chars().limit(MOST_QUOTED).forEach(c -> quoted.append(Character.isISOControl(c) ? '?' : (char) c));
        return new IllegalArgumentException("organisationId must be " + bound + ", but was \"" + quoted + '"');
    }

    private static boolean isCanonicalUuid(String id) {
        if (id.length() != UUID_LENGTH) {
            return false;
        }
        for (int i = 0; i < UUID_LENGTH; i++) {
            char c = id.charAt(i);
            boolean isHyphen = i == 8 || i == 13 || i == 18 || i == 23;
            boolean isRight = isHyphen ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
            if (!isRight) {
                return false;
            }
        }
        return true;
    }

    /** As PostgreSQL reads it: 32 hexadecimal digits, maybe in braces, maybe with a hyphen after any four of them. */
    private static String uuid(String id) {
        boolean inBraces = id.startsWith("{") && id.endsWith("}") && id.length() > 1;
        String digits = inBraces ? id.substring(1, id.length() - 1) : id;
        StringBuilder canonical = new StringBuilder(UUID_LENGTH);
        int at = 0;
        for (int octet = 0; octet < UUID_OCTETS; octet++) {
            if (octet == 4 || octet == 6 || octet == 8 || octet == 10) {
                canonical.append('-');
            }
            for (int i = 0; i < 2; i++, at++) {
                int digit =
                        at < digits.length() && digits.charAt(at) < 128 ? Character.digit(digits.charAt(at), 16) : -1;
                if (digit < 0) {
                    throw malformed(id, "a uuid, as its column is");
                }
                canonical.append(Character.forDigit(digit, 16));
            }
            boolean mayBeHyphen = octet % 2 == 1 && octet < UUID_OCTETS - 1;
            if (mayBeHyphen && at < digits.length() && digits.charAt(at) == '-') {
                at++;
            }
        }
        if (at != digits.length()) {
            throw malformed(id, "a uuid, as its column is");
        }
        return canonical.toString();
    }

    private static String whole(String id, String type, long least, long most) {
        Matcher matcher = WHOLE.matcher(id);
        if (matcher.matches() && matcher.group(2).length() <= MOST_DIGITS) {
            try {
                long value = Long.parseLong(matcher.group(1) + matcher.group(2));
                if (value >= least && value <= most) {
                    return Long.toString(value);
                }
            } catch (NumberFormatException e) {
                throw malformed(id, "a whole number from " + least + " to " + most + ", as its column is " + type);
            }
        }
        throw malformed(id, "a whole number from " + least + " to " + most + ", as its column is " + type);
    }

    private static String decimal(String id) {
        Matcher special = NOT_FINITE.matcher(id);
        if (special.matches()) {
            return special.group(1) != null ? "NaN" : "-".equals(special.group(2)) ? "-Infinity" : "Infinity";
        }
        Matcher matcher = DECIMAL.matcher(id);
        if (!matcher.matches()) {
            throw malformed(id, "a decimal number, as its column is numeric");
        }
        BigDecimal value = new BigDecimal(matcher.group(1)).stripTrailingZeros();
        return Math.abs(value.scale()) < 100 ? value.toPlainString() : value.toString();
    }
}
