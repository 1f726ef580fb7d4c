package io.usagekit.examples;

import java.io.Console;
import java.util.Optional;

/** Whether somebody sits there. */
final class Terminal {

    private Terminal() {}

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
}
