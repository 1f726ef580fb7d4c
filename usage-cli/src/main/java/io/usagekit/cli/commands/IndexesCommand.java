package io.usagekit.cli.commands;

import io.usagekit.cli.support.MappedCommand;
import io.usagekit.cli.support.Version;
import io.usagekit.postgres.IndexStatus;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import java.util.List;
import javax.sql.DataSource;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;

/** The indexes that figures need on the tables of events. */
@Command(
        name = "indexes",
        description =
                "Indexes that figures need on the tables of a schema (default: " + TableMapping.DEFAULT_SCHEMA + ").",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        subcommands = {IndexesCommand.Install.class, IndexesCommand.Print.class, IndexesCommand.Status.class})
public final class IndexesCommand {

    /** What the subcommands have in common. */
    private abstract static class Subcommand extends MappedCommand {

        final List<IndexStatus> print(DataSource dataSource, TableMapping mapping) {
            List<IndexStatus> indexes = PostgresUsage.indexes(dataSource, mapping);
            for (IndexStatus index : indexes) {
                out().println(word(index.state()) + " " + index
                        + index.name()
                                .filter(name -> index.state() == IndexStatus.State.PRESENT)
                                .map(name -> ": " + name)
                                .orElse(""));
            }
            return indexes;
        }

        private static String word(IndexStatus.State state) {
            return switch (state) {
                case PRESENT -> "present";
                case MISSING -> "missing";
                case INVALID -> "invalid";
                case NOT_A_TABLE -> "none   ";
            };
        }
    }

    /** Builds them. */
    @Command(
            name = "install",
            description = "Builds the indexes that are missing or were left invalid, without blocking writes, on a"
                    + " partitioned table partition by partition; an equivalent index of yours is enough.")
    static final class Install extends Subcommand {
        @Override
        public Integer call() {
            DataSource dataSource = database().dataSource();
            TableMapping mapping = mapping(dataSource);
            PostgresUsage.installIndexes(dataSource, mapping);
            print(dataSource, mapping);
            return ExitCode.OK;
        }
    }

    /** Prints how. */
    @Command(
            name = "print",
            description =
                    "Prints the DDL of the indexes for these tables, to run outside a transaction; may be run again.")
    static final class Print extends Subcommand {
        @Override
        public Integer call() {
            DataSource dataSource = database().dataSource();
            out().println(PostgresUsage.concurrentIndexDdl(dataSource, mapping(dataSource))
                    .stripTrailing());
            return ExitCode.OK;
        }
    }

    /** Says which of them exist. */
    @Command(
            name = "status",
            description = "Says which of the indexes exist; ends with exit code 1 if one is missing or invalid.")
    static final class Status extends Subcommand {
        @Override
        public Integer call() {
            DataSource dataSource = database().dataSource();
            boolean isLacking = print(dataSource, mapping(dataSource)).stream().anyMatch(IndexStatus::isLacking);
            if (isLacking) {
                out().println("Figures are right and read more blocks than they need; run "
                        + commands().command("indexes install"));
            }
            return isLacking ? ExitCode.SOFTWARE : ExitCode.OK;
        }
    }
}
