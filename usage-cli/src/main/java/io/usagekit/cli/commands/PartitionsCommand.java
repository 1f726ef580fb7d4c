package io.usagekit.cli.commands;

import io.usagekit.UsageStorageException;
import io.usagekit.cli.support.InstantConverter;
import io.usagekit.cli.support.MappedCommand;
import io.usagekit.cli.support.Prerequisites;
import io.usagekit.cli.support.Progress;
import io.usagekit.cli.support.UsageTables;
import io.usagekit.cli.support.Version;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.partitions.CreateAheadResult;
import io.usagekit.postgres.partitions.PartitionExpiryResult;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PartitionResult;
import io.usagekit.postgres.partitions.PartitionStatus;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.rollups.PostgresRollups;
import java.io.PrintWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Partitions the tables of events and deliveries, and makes them plain again. */
@Command(
        name = "partitions",
        description = "Partitions of the event tables of a schema (default: " + TableMapping.DEFAULT_SCHEMA + ").",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        subcommands = {
            PartitionsCommand.Work.class,
            PartitionsCommand.Undo.class,
            PartitionsCommand.Ahead.class,
            PartitionsCommand.Expire.class,
            PartitionsCommand.Status.class
        })
public final class PartitionsCommand {

    /** What the subcommands have in common. */
    private abstract static class Subcommand extends MappedCommand {
        private static final int DEFAULT_AHEAD = 3;

        /** How many partitions to create after the current one. */
        int ahead() {
            return DEFAULT_AHEAD;
        }

        /** Returns the partitions of the mapped tables, plain ones included. */
        final PostgresPartitions partitions() {
            return partitions(mapping(database().dataSource()));
        }

        /** Returns the partitions of the mapped tables, which must be partitioned. */
        final PostgresPartitions partitioned() {
            TableMapping mapping = mapping(database().dataSource());
            PostgresPartitions partitions = partitions(mapping);
            Prerequisites.partitioned(partitions, mapping, commands());
            return partitions;
        }

        PostgresRollups rollups(DataSource dataSource, TableMapping mapping) {
            return PostgresRollups.of(dataSource, mapping);
        }

        private PostgresPartitions partitions(TableMapping mapping) {
            return configured(PostgresPartitions.builder(database().dataSource())
                            .mapping(mapping)
                            .rollups(rollups(database().dataSource(), mapping))
                            .ahead(ahead()))
                    .build();
        }

        PostgresPartitions.Builder configured(PostgresPartitions.Builder builder) {
            return builder;
        }

        final void print(PartitionResult run) {
            out().println(UsageTables.grouped(run.copied()) + " rows copied, " + UsageTables.grouped(run.changes())
                    + " changes caught up, " + run.longestLock().toMillis() + " ms locked at most.");
        }
    }

    /** Commands that create partitions ahead of time. */
    private abstract static class Creating extends Subcommand {
        @Option(
                names = "--ahead",
                paramLabel = "N",
                description = "How many partitions to create after the current one (default: 3).")
        private int ahead = Subcommand.DEFAULT_AHEAD;

        @Override
        final int ahead() {
            return ahead;
        }
    }

    /** Partitions both tables. */
    @Command(name = "run", description = "Partitions both tables online; continues an interrupted run.")
    public static final class Work extends Creating {
        @Option(names = "--by", paramLabel = "INTERVAL", description = "day, week or month (default: month).")
        private PartitionInterval interval = PartitionInterval.MONTH;

        @Override
        public Integer call() {
            PostgresPartitions partitions = partitions();
            try (Copying copying = new Copying(err())) {
                print(partitions.partition(interval, copying));
            }
            return ExitCode.OK;
        }
    }

    /** Makes both tables plain again. */
    @Command(name = "undo", description = "Makes both tables plain again; undoes an interrupted run.")
    static final class Undo extends Subcommand {
        @Override
        public Integer call() {
            PostgresPartitions partitions = partitions();
            try (Copying copying = new Copying(err())) {
                print(partitions.unpartition(copying));
            }
            return ExitCode.OK;
        }
    }

    /** Shows a progress bar of rows for each table. */
    private static final class Copying implements PartitionProgress, AutoCloseable {
        private final PrintWriter err;
        private @Nullable Progress progress;

        Copying(PrintWriter err) {
            this.err = err;
        }

        @Override
        public void backfillStarted(String table, long rows, long copied) {
            close();
            progress = Progress.of("Copying " + table, "rows", rows, err);
            progress.step(copied);
        }

        @Override
        public void rowsCopied(long rows) {
            if (progress != null) {
                progress.step(rows);
            }
        }

        @Override
        public void cutOver(String table, Duration locked) {
            close();
        }

        @Override
        public void close() {
            if (progress != null) {
                progress.close();
                progress = null;
            }
        }
    }

    /** Creates partitions ahead of time. */
    @Command(name = "ahead", description = "Creates the missing partitions from now on.")
    static final class Ahead extends Creating {
        @Option(
                names = "--published",
                description =
                        "Creates partitions whose rows a publication sends under the partitions' own names, too: subscribers must"
                                + " have tables of these names before rows come.")
        private boolean published;

        @Override
        PostgresPartitions.Builder configured(PostgresPartitions.Builder builder) {
            return published ? builder.createPublished() : builder;
        }

        @Override
        public Integer call() {
            CreateAheadResult ahead = partitioned().createAhead();
            PrintWriter out = out();
            out.println("created: "
                    + (ahead.created().isEmpty()
                                    && ahead.occupied().isEmpty()
                                    && ahead.refused().isEmpty()
                            ? "none, since all of them exist"
                            : named(ahead.created())));
            if (!ahead.occupied().isEmpty()) {
                out.println("occupied by rows in the default partition: " + named(ahead.occupied())
                        + "; move these rows, or for partitions of this tool let run create them again");
            }
            ahead.refused().forEach(reason -> out.println("refused: " + reason));
            return ahead.occupied().isEmpty() && ahead.refused().isEmpty() ? ExitCode.OK : ExitCode.SOFTWARE;
        }
    }

    private static String named(List<String> names) {
        return names.isEmpty() ? "none" : String.join(", ", names);
    }

    /** Drops old partitions. */
    @Command(
            name = "expire",
            description =
                    "Deletes the rows that were created before an instant, keeps their sums in the roll-ups, and drops the"
                            + " partitions that are empty then.")
    static final class Expire extends Subcommand {
        @Option(
                names = "--before",
                required = true,
                paramLabel = "INSTANT",
                converter = InstantConverter.class,
                description = "From when on rows are kept, e.g. 2026-01-01T00:00:00Z; at least a day ago.")
        private Instant before = Instant.MIN;

        @Mixin
        private DependantOptions dependants = new DependantOptions();

        @Override
        PostgresRollups rollups(DataSource dataSource, TableMapping mapping) {
            return dependants.rollups(dataSource, mapping);
        }

        @Override
        public Integer call() {
            PostgresPartitions partitions = partitioned();
            PartitionExpiryResult expiry;
            try (DeletionProgress progress = new DeletionProgress(err())) {
                expiry = partitions.dropExpired(before, progress);
            } catch (UsageStorageException e) {
                // The library checks the instant first, then that there are roll-ups.
                DataSource dataSource = database().dataSource();
                Prerequisites.rollups(PostgresRollups.of(dataSource, mapping(dataSource)), commands());
                throw e;
            }
            PrintWriter out = out();
            out.println(UsageTables.grouped(expiry.retention().events()) + " events and "
                    + UsageTables.grouped(expiry.retention().deliveries())
                    + " deliveries deleted, their sums kept");
            DependantOptions.print(expiry.retention().dependants(), out);
            out.println("dropped: " + named(expiry.dropped()));
            out.println("kept, since they hold rows: " + named(expiry.kept()));
            return ExitCode.OK;
        }
    }

    /** Prints the status of the tables. */
    @Command(name = "status", description = "Prints how the tables are partitioned, and how far a rewrite is.")
    static final class Status extends Subcommand {
        private static final long KIBIBYTE = 1_024;

        @Override
        public Integer call() {
            PartitionStatus status = partitions().status();
            print("events", status.events());
            print("deliveries", status.deliveries());
            return ExitCode.OK;
        }

        private void print(String name, PartitionStatus.Table table) {
            PrintWriter out = out();
            out.println(name + ": "
                    + table.interval()
                            .map(interval -> "partitioned by " + interval)
                            .or(() -> table.key().map(key -> "partitioned by " + key + ", not by this tool"))
                            .orElse("plain"));
            print(table.partitions(), "  ");
            table.rewrite()
                    .ifPresent(rewrite -> out.println("  being rewritten, "
                            + rewrite.target().map(interval -> "by " + interval).orElse("plain")
                            + ": " + rewrite.phase() + ", " + UsageTables.grouped(rewrite.copied())
                            + " of ~" + UsageTables.grouped(rewrite.rows()) + " rows copied"));
        }

        private void print(List<PartitionStatus.Partition> partitions, String indent) {
            for (PartitionStatus.Partition partition : partitions) {
                out().println(indent + partition.name() + " " + bounds(partition) + ", "
                        + (partition.rows() < 0 ? "?" : "~" + UsageTables.grouped(partition.rows())) + " rows, "
                        + UsageTables.grouped(partition.bytes() / KIBIBYTE) + " KiB"
                        + partition.key().map(key -> ", by " + key).orElse(""));
                print(partition.partitions(), indent + "  ");
            }
        }

        private static String bounds(PartitionStatus.Partition partition) {
            if (partition.bound().equals("DEFAULT")) {
                return "(all others)";
            }
            return partition
                    .lower()
                    .filter(lower -> !partition.bound().contains(", "))
                    .flatMap(lower -> partition.upper().map(upper -> lower + " to " + upper))
                    .orElse(partition.bound());
        }
    }
}
