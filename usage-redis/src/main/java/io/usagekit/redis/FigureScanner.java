package io.usagekit.redis;

import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import org.jspecify.annotations.Nullable;

/**
 * Reads the parts of a figure's text from left to right. Once a part isn't what is expected nothing else is, so only the end needs a
 * check: {@link #isAtEnd()}. Each hit in Redis decodes a text: {@link Instant#parse} and a regular expression took a fifth of the time
 * of a hit.
 */
final class FigureScanner {

    private static final int SECONDS_PER_DAY = 86_400;

    private final byte[] text;
    private int at;
    private boolean failed;

    /** Scans a text in UTF-8. */
    FigureScanner(byte[] text) {
        this.text = text;
    }

    /** Whether all parts were as expected, and nothing is left. */
    boolean isAtEnd() {
        return !failed && at == text.length;
    }

    /** Reads exactly this. */
    void literal(String expected) {
        failed |= !skips(expected);
    }

    /**
     * Reads this if it comes next: characters of ASCII, each of which is one byte. An entry has no others: key prefixes don't, ids of
     * organisations are form-encoded, and periods are written in ASCII.
     */
    boolean skips(String optional) {
        int length = optional.length();
        if (text.length - at < length) {
            return false;
        }
        for (int i = 0; i < length; i++) {
            if (text[at + i] != optional.charAt(i)) {
                return false;
            }
        }
        at += length;
        return true;
    }

    /** Reads a number between 0 and {@link Long#MAX_VALUE} without leading zeros. */
    long number() {
        int start = at;
        long number = 0;
        while (at < text.length && isDigit(text[at])) {
            int digit = text[at++] - '0';
            failed |= number > (Long.MAX_VALUE - digit) / 10;
            number = number * 10 + digit;
        }
        failed |= at == start || (at > start + 1 && text[start] == '0');
        return failed ? 0 : number;
    }

    /** Reads a number between 1 and {@link Long#MAX_VALUE} without leading zeros. */
    long positive() {
        long number = number();
        failed |= number == 0;
        return number;
    }

    /** Reads an instant as {@link Instant#toString()} writes it, up to the next space; null if it isn't one. */
    @Nullable
    Instant instant() {
        int end = at;
        while (end < text.length && text[end] != ' ') {
            end++;
        }
        Instant read = failed || end == text.length ? null : instant(at, end);
        failed |= read == null;
        at = end;
        return read;
    }

    private @Nullable Instant instant(int from, int end) {
        try {
            Instant quick = quickly(from, end);
            if (quick != null) {
                return quick;
            }
            String written = new String(text, from, end - from, StandardCharsets.UTF_8);
            Instant parsed = Instant.parse(written);
            return parsed.toString().equals(written) ? parsed : null;
        } catch (DateTimeException e) {
            return null;
        }
    }

    /**
     * Reads {@code 2026-03-17T01:28:00Z}, with three or six digits of a fraction if these aren't zeros; null if it is anything else.
     *
     * @throws DateTimeException if there is no such day
     */
    private @Nullable Instant quickly(int from, int end) {
        int length = end - from;
        int digits = Math.max(0, length - "2026-03-17T01:28:00.Z".length());
        boolean hasForm = length == "2026-03-17T01:28:00Z".length() || digits == 3 || digits == 6;
        if (!hasForm || text[end - 1] != 'Z') {
            return null;
        }
        int year = digits(from, 4);
        int month = digits(from + 5, 2);
        int day = digits(from + 8, 2);
        int hour = digits(from + 11, 2);
        int minute = digits(from + 14, 2);
        int second = digits(from + 17, 2);
        int fraction = digits == 0 ? 0 : digits(from + 20, digits);
        boolean isPunctuated = text[from + 4] == '-'
                && text[from + 7] == '-'
                && text[from + 10] == 'T'
                && text[from + 13] == ':'
                && text[from + 16] == ':'
                && (digits == 0 || text[from + 19] == '.');
        boolean isShortest = digits == 0 || fraction % 1_000 != 0;
        boolean hasDigits = (year | month | day | hour | minute | second | fraction) >= 0;
        if (!isPunctuated || !isShortest || !hasDigits || hour > 23 || minute > 59 || second > 59) {
            return null;
        }
        long seconds =
                LocalDate.of(year, month, day).toEpochDay() * SECONDS_PER_DAY + hour * 3_600L + minute * 60L + second;
        return Instant.ofEpochSecond(seconds, digits == 3 ? fraction * 1_000_000L : fraction * 1_000L);
    }

    /** Returns this many digits as a number; -1 if something else is among them. */
    private int digits(int from, int count) {
        int number = 0;
        for (int i = from; i < from + count; i++) {
            if (!isDigit(text[i])) {
                return -1;
            }
            number = number * 10 + text[i] - '0';
        }
        return number;
    }

    private static boolean isDigit(byte character) {
        return character >= '0' && character <= '9';
    }
}
