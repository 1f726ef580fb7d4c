package io.usagekit.internal;

import java.time.Duration;

/** Bounds, and messages that name the argument, its value and the bound. */
public final class Arguments {

    private static final int QUOTED_LENGTH = 64;
    private static final Duration LONGEST = Duration.ofDays(1);

    private Arguments() {}

    /** The text in double quotes, control characters escaped, cut after {@value #QUOTED_LENGTH} characters. */
    public static String quote(String text) {
        StringBuilder out = new StringBuilder(QUOTED_LENGTH + 8).append('"');
        for (int i = 0; i < text.length(); i++) {
            if (i == QUOTED_LENGTH) {
                return out.append("\"...").toString();
            }
            char c = text.charAt(i);
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (Character.isISOControl(c) || Character.isSurrogate(c)) {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.append('"').toString();
    }

    /** Whether the text is of visible ASCII characters only, at least one: one quick look that answers for nearly all ids. */
    public static boolean isPlain(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (c <= ' ' || c >= 0x7f) {
                return false;
            }
        }
        return !text.isEmpty();
    }

    /** Whether some surrogate has no partner, so that the text has no UTF-8 form. */
    public static boolean hasUnpairedSurrogate(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (Character.isSurrogate(c)) {
                if (!Character.isHighSurrogate(c)
                        || i + 1 == text.length()
                        || !Character.isLowSurrogate(text.charAt(i + 1))) {
                    return true;
                }
                i++;
            }
        }
        return false;
    }

    /**
     * The duration, if it is positive and at most a day.
     *
     * @throws IllegalArgumentException otherwise
     */
    public static Duration positive(String name, Duration value) {
        if (value.isZero() || value.isNegative() || value.compareTo(LONGEST) > 0) {
            throw new IllegalArgumentException(
                    name + " must be positive and at most " + LONGEST + ", but was " + value);
        }
        return value;
    }

    /**
     * The duration, if it is within these bounds, both included.
     *
     * @throws IllegalArgumentException otherwise
     */
    public static Duration between(String name, Duration value, Duration least, Duration most) {
        if (value.compareTo(least) < 0 || value.compareTo(most) > 0) {
            throw new IllegalArgumentException(
                    name + " must be between " + least + " and " + most + ", but was " + value);
        }
        return value;
    }

    /**
     * The number, if it is within these bounds, both included.
     *
     * @throws IllegalArgumentException otherwise
     */
    public static int between(String name, int value, int least, int most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(
                    name + " must be between " + least + " and " + most + ", but was " + value);
        }
        return value;
    }
}
