package io.usagekit.cli.commands;

import io.usagekit.UsageKey;
import io.usagekit.cli.support.MappedCommand;
import io.usagekit.cli.support.PageOptions;
import io.usagekit.cli.support.PeriodOptions;
import io.usagekit.cli.support.UsageTables;
import io.usagekit.cli.support.Version;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rows.PostgresRows;
import io.usagekit.postgres.rows.ReceivedRow;
import io.usagekit.postgres.rows.RetainedUsage;
import io.usagekit.postgres.rows.RowFormat;
import io.usagekit.postgres.rows.RowPage;
import io.usagekit.postgres.rows.RowSum;
import io.usagekit.postgres.rows.SentRow;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The rows behind a figure. */
@Command(
        name = "rows",
        description = "The events and deliveries that a figure counts, in the tables of a schema (default: "
                + TableMapping.DEFAULT_SCHEMA + ").",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        subcommands = {RowsCommand.Received.class, RowsCommand.Sent.class, RowsCommand.Export.class})
public final class RowsCommand {

    /** What the subcommands have in common. */
    private abstract static class Subcommand extends MappedCommand {
        @Mixin
        private PeriodOptions period = new PeriodOptions();

        @Option(names = "--organisation", required = true, paramLabel = "ID", description = "Whose rows.")
        private String organisation = "";

        final UsageKey key() {
            return new UsageKey(organisation, period.period());
        }

        final PostgresRows rows() {
            DataSource dataSource = database().dataSource();
            return PostgresRows.of(dataSource, mapping(dataSource));
        }

        /** Says which part of the figure has no rows. */
        static void print(PrintWriter out, RetainedUsage retained) {
            if (retained.isAny()) {
                out.println("without rows, since retention has deleted them: "
                        + UsageTables.grouped(retained.usage().volume()) + " of "
                        + UsageTables.grouped(retained.usage().bytes()) + " octets"
                        + retained.from().map(from -> " from " + from).orElse("")
                        + retained.before().map(before -> " to " + before).orElse("")
                        + (retained.cut()
                                ? "; an edge of the period is within a quarter of an hour of which only the sum is"
                                        + " known, so that the period has no figure"
                                : ""));
            }
        }
    }

    /** Prints events. */
    @Command(
            name = "received",
            description =
                    "Prints a page of the events that a figure counts as received, and the cursors of the pages next to it.")
    static final class Received extends Subcommand {
        @Mixin
        private PageOptions page = new PageOptions();

        @Override
        public Integer call() {
            UsageKey key = key();
            RowPage<ReceivedRow> found = rows().received(key, page.request());
            out().println(UsageTables.received(found.rows()));
            PageOptions.print(out(), found.previous(), found.next());
            print(out(), found.retained());
            return ExitCode.OK;
        }
    }

    /** Prints deliveries. */
    @Command(
            name = "sent",
            description =
                    "Prints a page of the deliveries that a figure counts as sent, and the cursors of the pages next to it.")
    static final class Sent extends Subcommand {
        @Mixin
        private PageOptions page = new PageOptions();

        @Override
        public Integer call() {
            UsageKey key = key();
            RowPage<SentRow> found = rows().sent(key, page.request());
            out().println(UsageTables.sent(found.rows()));
            PageOptions.print(out(), found.previous(), found.next());
            print(out(), found.retained());
            return ExitCode.OK;
        }
    }

    /** Exports. */
    @Command(
            name = "export",
            description =
                    "Writes all events or deliveries that a figure counts to standard output or a file, the earliest"
                            + " first, as they are at one moment, and compares their sum with the figure.")
    static final class Export extends Subcommand {
        /** Which rows. */
        enum Side {
            RECEIVED,
            SENT;

            @Override
            public String toString() {
                return name().toLowerCase(Locale.ROOT);
            }
        }

        /** How they are written. */
        enum Format {
            CSV,
            NDJSON;

            @Override
            public String toString() {
                return name().toLowerCase(Locale.ROOT);
            }
        }

        @Parameters(paramLabel = "SIDE", description = "Which rows: one of ${COMPLETION-CANDIDATES}.")
        private Side side = Side.RECEIVED;

        @Option(
                names = "--format",
                paramLabel = "FORMAT",
                description = "One of ${COMPLETION-CANDIDATES}; ${DEFAULT-VALUE} by default.")
        private Format format = Format.CSV;

        @Option(names = "--file", paramLabel = "FILE", description = "Where to; standard output by default.")
        private @Nullable Path file;

        @Override
        public Integer call() throws IOException {
            UsageKey key = key();
            PostgresRows rows = rows();
            RowSum sum;
            if (file == null) {
                // Not by System.out, which keeps to itself that nobody listens any more; and not closed: it is the
                // process's.
                sum = export(rows, key, new FileOutputStream(FileDescriptor.out));
            } else {
                try (OutputStream sink = Files.newOutputStream(file)) {
                    sum = export(rows, key, sink);
                }
            }
            err().println(UsageTables.grouped(sum.rows().volume()) + " rows, "
                    + UsageTables.grouped(sum.rows().bytes()) + " octets"
                    + (sum.unmeasured() > 0
                            ? "; the octets of " + UsageTables.grouped(sum.unmeasured()) + " aren't known"
                            : ""));
            print(err(), sum.retained());
            return ExitCode.OK;
        }

        private RowSum export(PostgresRows rows, UsageKey key, OutputStream sink) {
            RowFormat lines = format == Format.CSV ? RowFormat.CSV : RowFormat.NDJSON;
            return side == Side.RECEIVED ? rows.exportReceived(key, lines, sink) : rows.exportSent(key, lines, sink);
        }
    }
}
