package io.usagekit.cli;

import io.usagekit.cli.commands.ClickHouseCommand;
import io.usagekit.cli.commands.EventsCommand;
import io.usagekit.cli.commands.GetCommand;
import io.usagekit.cli.commands.IndexesCommand;
import io.usagekit.cli.commands.InstallCommand;
import io.usagekit.cli.commands.LoadCommand;
import io.usagekit.cli.commands.PartitionsCommand;
import io.usagekit.cli.commands.RollupsCommand;
import io.usagekit.cli.commands.RowsCommand;
import io.usagekit.cli.demo.DemoCommand;
import io.usagekit.cli.support.Failures;
import io.usagekit.cli.support.Terminal;
import io.usagekit.cli.support.Version;
import java.io.FileDescriptor;
import java.io.PrintWriter;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;

/**
 * The command line. Exit codes: 0; 2 for bad usage and 1 for a failure at run time, each with one line on standard error. What
 * was asked for goes to standard output, in UTF-8 whatever the locale.
 */
@Command(
        name = "usage",
        description = "How much has this organisation used in this period? Out of PostgreSQL, cached in Redis.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        subcommands = {
            DemoCommand.class,
            LoadCommand.class,
            GetCommand.class,
            InstallCommand.class,
            IndexesCommand.class,
            RowsCommand.class,
            RollupsCommand.class,
            ClickHouseCommand.class,
            PartitionsCommand.class
        })
public final class UsageCommand {

    /** pgjdbc logs by java.util.logging what it throws as well. Held here, since that forgets loggers nobody holds. */
    private static final Logger PGJDBC = Logger.getLogger("org.postgresql");

    UsageCommand() {}

    /** Runs one command and ends the JVM with its exit code. */
    public static void main(String... args) {
        System.exit(run(args));
    }

    private static int run(String... args) {
        PrintWriter out = Terminal.utf8(FileDescriptor.out);
        PrintWriter err = Terminal.utf8(FileDescriptor.err);
        try {
            rejectUnreadable(args);
            return commandLine().setOut(out).setErr(err).execute(args);
        } catch (IllegalArgumentException e) {
            err.println("usage: " + Failures.describe(e));
            return ExitCode.USAGE;
        } catch (Throwable e) {
            err.println("usage: " + Failures.describe(e));
            return ExitCode.SOFTWARE;
        } finally {
            out.flush();
            err.flush();
        }
    }

    /** The command line as {@link #main} runs it. */
    static CommandLine commandLine() {
        PGJDBC.setLevel(Level.OFF);
        // What is done to the tables of events is looked for there as well.
        CommandLine events = new CommandLine(new EventsCommand())
                .addSubcommand("partition", new CommandLine(new PartitionsCommand.Work()).setCommandName("partition"))
                .addSubcommand("retain", new RollupsCommand.Retain());
        CommandLine usage = new CommandLine(new UsageCommand()).addSubcommand("events", events);
        return usage.setCaseInsensitiveEnumValuesAllowed(true)
                .setParameterExceptionHandler(Failures::badUsage)
                .setExecutionExceptionHandler(Failures::failed);
    }

    /** An id that the JVM has garbled on its way in would silently be another organisation's. */
    static void rejectUnreadable(String... args) {
        for (int i = 0; i < args.length; i++) {
            if (args[i].indexOf('\uFFFD') >= 0) {
                String which = i > 0 && args[i - 1].equals("--password") ? "after --password" : "'" + args[i] + "'";
                throw new IllegalArgumentException("the argument " + which + " can't be read in this locale;"
                        + " set a UTF-8 one, e.g. LC_ALL=C.UTF-8");
            }
        }
    }
}
