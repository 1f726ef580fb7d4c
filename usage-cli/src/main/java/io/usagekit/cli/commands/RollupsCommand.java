package io.usagekit.cli.commands;

import io.usagekit.UsageStorageException;
import io.usagekit.cli.support.InstantConverter;
import io.usagekit.cli.support.MappedCommand;
import io.usagekit.cli.support.Prerequisites;
import io.usagekit.cli.support.Progress;
import io.usagekit.cli.support.Terminal;
import io.usagekit.cli.support.UsageTables;
import io.usagekit.cli.support.Version;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionResult;
import io.usagekit.postgres.rollups.RollupDrift;
import io.usagekit.postgres.rollups.RollupRunResult;
import io.usagekit.postgres.rollups.RollupStatus;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.VerificationProgress;
import java.io.PrintWriter;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.postgresql.ds.PGSimpleDataSource;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Installs, maintains and checks roll-ups. */
@Command(
        name = "rollups",
        description = "Exact roll-ups beside the tables of a schema (default: " + TableMapping.DEFAULT_SCHEMA + ").",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        subcommands = {
            RollupsCommand.Install.class,
            RollupsCommand.Status.class,
            RollupsCommand.Backfill.class,
            RollupsCommand.Work.class,
            RollupsCommand.Verify.class,
            RollupsCommand.Retain.class,
            RollupsCommand.AcceptRetained.class,
            RollupsCommand.MoveRetained.class,
            RollupsCommand.OmitRetained.class,
            RollupsCommand.Remove.class
        })
public final class RollupsCommand {

    /** What they have in common. */
    private abstract static class Subcommand extends MappedCommand {
        /** The roll-ups of the mapped tables, installed or not. */
        final PostgresRollups rollups() {
            PGSimpleDataSource dataSource = database().dataSource();
            return PostgresRollups.of(dataSource, mapping(dataSource));
        }

        /** The roll-ups of the mapped tables, which must be installed. */
        final PostgresRollups installed() {
            PostgresRollups rollups = rollups();
            status(rollups);
            return rollups;
        }

        /** The roll-ups of the mapped tables, in which hours must be rolled. */
        final PostgresRollups rolled() {
            PostgresRollups rollups = rollups();
            Prerequisites.rolled(rollups, commands());
            return rollups;
        }

        final RollupStatus status(PostgresRollups rollups) {
            return Prerequisites.rollups(rollups, commands());
        }
    }

    /** Creates them. */
    @Command(
            name = "install",
            description =
                    "Creates roll-ups in a schema of their own, or brings them up to date; blocks no writes for long.")
    static final class Install extends Subcommand {
        @Option(
                names = "--print",
                description = "Prints the DDL for these tables instead, for psql, Flyway or Liquibase.")
        private boolean print;

        @Override
        public Integer call() {
            PrintWriter out = out();
            PostgresRollups rollups = rollups();
            if (print) {
                out.println(rollups.ddl().stripTrailing());
            } else {
                rollups.install();
                out.println("The roll-ups are in schema " + rollups.schema() + ".");
            }
            return ExitCode.OK;
        }
    }

    /** Says how far they are. */
    @Command(name = "status", description = "Says how far the roll-ups are.")
    static final class Status extends Subcommand {
        @Override
        public Integer call() {
            RollupStatus status = status(rollups());
            PrintWriter out = out();
            out.println("rolled before:        "
                    + status.coveredBefore().map(Object::toString).orElse("nothing is rolled yet"));
            out.println("lag:                  "
                    + status.lag()
                            .map(Duration::toMinutes)
                            .map(minutes -> minutes + " min")
                            .orElse("-"));
            out.println("marked hours:         " + UsageTables.grouped(status.markedHours()));
            out.println("changed events:       " + UsageTables.grouped(status.changedEvents()));
            out.println("projects:             " + UsageTables.grouped(status.projects()));
            out.println("  with history left:  " + UsageTables.grouped(status.projectsToBackfill()));
            out.println("history rolled to:    "
                    + status.backfilledTo().map(Object::toString).orElse("-"));
            status.alterations().forEach(alteration -> out.println("altered:              " + alteration));
            status.missingIndexes().forEach(index -> out.println("missing index:        " + index));
            status.missingProjects()
                    .forEach(project -> out.println("missing project:      " + Terminal.printable(project.toString())));
            return ExitCode.OK;
        }
    }

    /** Rolls the history. */
    @Command(name = "backfill", description = "Rolls everything that isn't rolled yet, the history included, and ends.")
    static final class Backfill extends Subcommand {
        @Override
        public Integer call() throws InterruptedException {
            PostgresRollups rollups = installed();
            try (RollupWorker worker =
                    rollups.worker().runBudget(Duration.ofSeconds(1)).build()) {
                RollupRunResult run = worker.runOnce();
                long toDo = status(rollups).projectsToBackfill();
                long done = 0;
                try (Progress progress = Progress.of("Rolling", "projects", toDo, err())) {
                    while (!run.finished()) {
                        if (!run.leader() || !run.waitedFor().isEmpty()) {
                            TimeUnit.SECONDS.sleep(1); // another worker is at it, or the host's writers are
                        }
                        run = worker.runOnce();
                        long rolled = toDo - status(rollups).projectsToBackfill();
                        progress.step(rolled - done);
                        done = rolled;
                    }
                }
                out().println("Everything before " + run.coveredBefore().orElseThrow() + " is rolled.");
            }
            return ExitCode.OK;
        }
    }

    /** Maintains them. */
    @Command(name = "run", description = "Maintains the roll-ups until it is stopped; or once.")
    static final class Work extends Subcommand {
        @Option(names = "--once", description = "Ends after one run.")
        private boolean once;

        @Override
        public Integer call() throws InterruptedException {
            PostgresRollups rollups = installed();
            try (RollupWorker worker = rollups.worker().build()) {
                PrintWriter out = out();
                while (true) {
                    RollupRunResult run = worker.runOnce();
                    out.println(describe(run));
                    if (once) {
                        return ExitCode.OK;
                    }
                    TimeUnit.SECONDS.sleep(run.finished() ? 10 : 1);
                }
            }
        }

        private static String describe(RollupRunResult run) {
            if (!run.leader()) {
                return "another worker is at it";
            }
            return "rolled before " + run.coveredBefore().map(Object::toString).orElse("nothing")
                    + ", " + UsageTables.grouped(run.rerolledHours()) + " dirty hours re-rolled, "
                    + UsageTables.grouped(run.backfillSteps()) + " pieces of history rolled"
                    + (run.waitedFor().isEmpty() ? "" : ", waiting for " + String.join(", ", run.waitedFor()))
                    + (run.finished() ? "; nothing left to do" : "");
        }
    }

    /** Checks them. */
    @Command(
            name = "verify",
            description =
                    "Sums up all raw rows again, and prints each hour of a project that differs; ends with 1 if there is one.")
    static final class Verify extends Subcommand {
        @Option(
                names = "--repair",
                description = "Marks each of them dirty: it is read from raw rows until the worker has re-rolled it.")
        private boolean repair;

        @Override
        public Integer call() {
            PostgresRollups rollups = rolled();
            PrintWriter out = out();
            long drifts;
            try (Report report = new Report(out, err())) {
                drifts = repair ? rollups.repair(report) : rollups.verify(report);
            }
            if (drifts == 0) {
                out.println("All rolled hours are those of the raw rows.");
                return ExitCode.OK;
            }
            out.println(UsageTables.grouped(drifts) + " project hours differ" + (repair ? "ed and are marked." : "."));
            return ExitCode.SOFTWARE;
        }
    }

    /** Each drift on a line of its own, and a bar of projects. */
    private static final class Report implements VerificationProgress, AutoCloseable {
        private final PrintWriter out;
        private final PrintWriter err;
        private @Nullable Progress progress;

        Report(PrintWriter out, PrintWriter err) {
            this.out = out;
            this.err = err;
        }

        @Override
        public void started(long projects) {
            progress = Progress.of("Verifying", "projects", projects, err);
        }

        @Override
        public void drifted(RollupDrift drift) {
            out.println(Terminal.printable(drift.projectId()) + " " + drift.hour() + ": received "
                    + drift.rolledReceived() + " rolled, "
                    + drift.rawReceived() + " raw; sent " + drift.rolledSent() + " rolled, " + drift.rawSent()
                    + " raw");
        }

        @Override
        public void verified(String projectId) {
            if (progress != null) {
                progress.step(1);
            }
        }

        @Override
        public void close() {
            if (progress != null) {
                progress.close();
                progress = null;
            }
        }
    }

    /** Deletes old rows. */
    @Command(
            name = "retain",
            description =
                    "Deletes the events and deliveries that were created before an instant, for good, and keeps what"
                            + " they counted: figures from roll-ups stay as they are.")
    public static final class Retain extends Subcommand {
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
        public Integer call() {
            PGSimpleDataSource dataSource = database().dataSource();
            PostgresRollups rollups = dependants.rollups(dataSource, mapping(dataSource));
            RetentionResult gone;
            try (DeletionProgress progress = new DeletionProgress(err())) {
                gone = rollups.deleteBefore(before, progress);
            } catch (UsageStorageException e) {
                status(rollups); // the library checks the instant first, then that there are roll-ups
                throw e;
            }
            out().println(UsageTables.grouped(gone.events()) + " events and " + UsageTables.grouped(gone.deliveries())
                    + " deliveries from before " + before + " are gone, and their sums are kept"
                    + (gone.keptEvents() == 0
                            ? "."
                            : "; " + UsageTables.grouped(gone.keptEvents())
                                    + " events stay, which have younger deliveries."));
            DependantOptions.print(gone.dependants(), out());
            return ExitCode.OK;
        }
    }

    /** Says that retained sums fit the tables. */
    @Command(
            name = "accept-retained",
            description =
                    "Records that the sums that retention has kept fit the tables, after one of both was restored without the"
                            + " other; until then figures that may be wrong are refused.")
    static final class AcceptRetained extends Subcommand {
        @Override
        public Integer call() {
            PostgresRollups rollups = installed();
            rollups.acceptRetained();
            out().println("The retained sums in the schema " + rollups.schema()
                    + " count as those of the tables; everything is rolled from scratch.");
            return ExitCode.OK;
        }
    }

    /** Follows a project that was renamed or merged. */
    @Command(
            name = "move-retained",
            description =
                    "Adds what retention has kept of a project to another one, after it was renamed or merged with that one; until"
                            + " then figures that would lack it are refused.")
    static final class MoveRetained extends Subcommand {
        @Parameters(index = "0", paramLabel = "FROM", description = "The id that the projects don't have any more.")
        private String from = "";

        @Parameters(index = "1", paramLabel = "TO", description = "The id of a project.")
        private String to = "";

        @Override
        public Integer call() {
            PostgresRollups rollups = installed();
            rollups.moveRetained(from, to);
            out().println("What retention has kept of the project " + from + " counts for the project " + to + ".");
            return ExitCode.OK;
        }
    }

    /** Leaves out a project that was deleted. */
    @Command(
            name = "omit-retained",
            description =
                    "Leaves out what retention has kept of a project that was deleted; until then figures that would lack it are"
                            + " refused.")
    static final class OmitRetained extends Subcommand {
        @Parameters(paramLabel = "PROJECT", description = "The id that the projects don't have any more.")
        private String project = "";

        @Override
        public Integer call() {
            PostgresRollups rollups = installed();
            rollups.omitRetained(project);
            out().println("What retention has kept of the project " + project
                    + " is left out as long as there is no such project.");
            return ExitCode.OK;
        }
    }

    /** Takes them away. */
    @Command(name = "remove", description = "Removes the roll-ups, their triggers and their schema.")
    static final class Remove extends Subcommand {
        @Option(
                names = "--with-retained",
                description = "Also the sums of rows that were deleted by retention, which are nowhere else.")
        private boolean withRetained;

        @Override
        public Integer call() {
            PostgresRollups rollups = rollups();
            if (withRetained) {
                rollups.removeWithRetained();
            } else {
                rollups.remove();
            }
            out().println("There is no schema " + rollups.schema() + " any more.");
            return ExitCode.OK;
        }
    }
}
