package io.usagekit.cli.support;

import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.StringJoiner;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** What a command says when it fails: one line, no stack trace. */
public final class Failures {

    private static final int MAX_CAUSES = 8;

    private Failures() {}

    /** The command line doesn't make sense. */
    public static int badUsage(ParameterException error, String... args) {
        CommandLine command = error.getCommandLine();
        command.getErr().println(name(command) + ": " + describe(error).replaceFirst("^Error: ", ""));
        if (!UnmatchedArgumentException.printSuggestions(error, command.getErr())) {
            command.getErr().println("Try '" + name(command) + " --help'.");
        }
        return ExitCode.USAGE;
    }

    /** The command failed; by arguments that the library rejects, or at run time. */
    public static int failed(Exception error, CommandLine command, @Nullable ParseResult parsed) {
        command.getErr().println(name(command) + ": " + describe(error));
        return error instanceof IllegalArgumentException ? ExitCode.USAGE : ExitCode.SOFTWARE;
    }

    /** A message and those of its causes, unless it says the same already, in one line; a bad argument's says it all. */
    public static String describe(Throwable error) {
        if (error instanceof IllegalArgumentException && error.getMessage() != null) {
            return message(error);
        }
        StringJoiner line = new StringJoiner(": ");
        String previous = "";
        Throwable cause = error;
        for (int i = 0; cause != null && i < MAX_CAUSES; i++) {
            String message = message(cause);
            if (!previous.contains(message)) {
                line.add(message);
                previous = message;
            }
            cause = cause.getCause();
        }
        return line.toString();
    }

    private static String message(Throwable error) {
        String message = error.getMessage();
        Throwable cause = error.getCause();
        if (cause != null && cause.toString().equals(message)) {
            return message(cause); // a wrapper with nothing to say
        }
        if (message == null || message.isBlank()) {
            return error.getClass().getSimpleName();
        }
        String line = message.strip().replaceAll("\\s+", " ").replaceAll("\\p{Cntrl}", "?");
        if (error instanceof NoSuchFileException) {
            return "no such file: " + line;
        }
        return error instanceof AccessDeniedException ? "access denied: " + line : line;
    }

    private static String name(CommandLine command) {
        return command.getCommandSpec().qualifiedName();
    }
}
