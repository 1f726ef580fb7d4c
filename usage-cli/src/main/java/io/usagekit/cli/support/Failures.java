package io.usagekit.cli.support;

import io.usagekit.UsageStorageException;
import java.io.EOFException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;
import java.util.StringJoiner;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** What a command says when it fails: one line, no stack trace. */
public final class Failures {

    private static final int MAX_CAUSES = 8;

    /** What the library tells the programmer to call, and what an operator runs instead. */
    private static final Map<Pattern, String> HINTS = hints(
            "call install\\(\\) (first|again)", "run \"usage rollups install\" $1",
            "call removeWithRetained\\(\\) to remove", "pass --with-retained to remove",
            "continue it with partition or unpartition first",
                    "continue it by \"usage partitions run\", or undo it by \"usage partitions undo\"",
            "and call again, or raise lockBudget", "and run the command again",
            ", or raise lockBudget", "",
            // The driver's advice, which names neither the host nor the port.
            " Check that the hostname and port are correct and that the postmaster is accepting TCP/IP connections\\.",
                    "");

    private Failures() {}

    private static Map<Pattern, String> hints(String... patternsAndReplacements) {
        Map<Pattern, String> hints = new LinkedHashMap<>();
        for (int i = 0; i < patternsAndReplacements.length; i += 2) {
            hints.put(Pattern.compile(patternsAndReplacements[i]), patternsAndReplacements[i + 1]);
        }
        return hints;
    }

    private static String replace(Map<Pattern, String> replacements, String text) {
        String replaced = text;
        for (Map.Entry<Pattern, String> entry : replacements.entrySet()) {
            replaced = entry.getKey().matcher(replaced).replaceAll(entry.getValue());
        }
        return replaced;
    }

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

    /**
     * A message and those of its causes, unless it says the same already, in one line and without passwords; a bad argument's says it
     * all.
     */
    public static String describe(Throwable error) {
        return withoutPasswords(replace(HINTS, messages(error)));
    }

    /** The library's exceptions replace passwords in their messages; this line is to be as safe as those are. */
    private static String withoutPasswords(String line) {
        return Objects.requireNonNull(new UsageStorageException(line, null).getMessage());
    }

    private static String messages(Throwable error) {
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
            return error instanceof EOFException
                    ? "unexpected end of data"
                    : error.getClass().getSimpleName();
        }
        String line = Terminal.printable(message.strip().replaceAll("\\s+", " "));
        if (error instanceof NoSuchFileException) {
            return "no such file: " + line;
        }
        return error instanceof AccessDeniedException ? "access denied: " + line : line;
    }

    private static String name(CommandLine command) {
        return command.getCommandSpec().qualifiedName();
    }
}
