package io.usagekit.cli.support;

import java.io.ByteArrayOutputStream;
import java.io.Console;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** Asks for a password: on the terminal, without echo; where there is none, by standard error and standard input. */
final class Passwords {

    private static final String PROMPT = "Password: ";

    private Passwords() {}

    static String ask(PrintWriter err) {
        Optional<Console> terminal = Terminal.console();
        if (terminal.isPresent()) {
            char[] typed = terminal.get().readPassword(PROMPT);
            return typed == null ? "" : new String(typed);
        }
        err.print(PROMPT);
        err.flush();
        try {
            return line(System.in);
        } catch (IOException e) {
            throw new UncheckedIOException("the password can't be read", e);
        }
    }

    /** Octet by octet: what follows the line is somebody else's, as the events are of {@code load --file -}. */
    private static String line(InputStream in) throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        for (int octet = in.read(); octet >= 0 && octet != '\n'; octet = in.read()) {
            line.write(octet);
        }
        return line.toString(StandardCharsets.UTF_8).stripTrailing();
    }
}
