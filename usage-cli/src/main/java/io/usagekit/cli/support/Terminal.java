package io.usagekit.cli.support;

import java.io.Console;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Standard input and output: whether they are a terminal, and how text is written to them. */
public final class Terminal {

    /** Control characters, separators of lines and paragraphs, and the characters with the Unicode property Bidi_Control. */
    private static final Pattern CONTROLS =
            Pattern.compile("[\\p{Cc}\\u2028\\u2029\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]");

    private Terminal() {}

    /** Returns a text with an escape, such as {@code \\u001b}, in the place of each character that controls a terminal instead of being shown. */
    public static String printable(String text) {
        return CONTROLS.matcher(text)
                .replaceAll(found -> Matcher.quoteReplacement(String.format(
                        Locale.ROOT, "\\u%04x", (int) found.group().charAt(0))));
    }

    /** The terminal, if that is what standard input and output both are. */
    @SuppressWarnings("SystemConsoleNull") // before JDK 22, without a terminal
    static Optional<Console> console() {
        Console console = System.console();
        return console != null && isTerminal(console) ? Optional.of(console) : Optional.empty();
    }

    /** Since JDK 22 there is a console even where there is no terminal. */
    private static boolean isTerminal(Console console) {
        try {
            return Boolean.TRUE.equals(Console.class.getMethod("isTerminal").invoke(console));
        } catch (NoSuchMethodException e) {
            return true;
        } catch (ReflectiveOperationException e) {
            return false;
        }
    }

    /** A writer to a standard stream, in UTF-8 whatever the locale, that flushes each line. */
    public static PrintWriter utf8(FileDescriptor descriptor) {
        OutputStream bytes = new FileOutputStream(descriptor);
        return new PrintWriter(new OutputStreamWriter(bytes, StandardCharsets.UTF_8), true);
    }
}
