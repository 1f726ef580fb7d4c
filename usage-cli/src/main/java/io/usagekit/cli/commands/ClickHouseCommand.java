package io.usagekit.cli.commands;

import io.usagekit.cli.support.ClickHouseOptions;
import io.usagekit.cli.support.MappedCommand;
import io.usagekit.cli.support.Prerequisites;
import io.usagekit.cli.support.Progress;
import io.usagekit.cli.support.Terminal;
import io.usagekit.cli.support.UsageTables;
import io.usagekit.cli.support.Version;
import io.usagekit.clickhouse.ClickHouseUsage;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.spi.FeedCycle;
import io.usagekit.postgres.rollups.spi.FeedListener;
import io.usagekit.postgres.rollups.spi.FeedRun;
import io.usagekit.postgres.rollups.spi.FeedStatus;
import io.usagekit.postgres.rollups.spi.FeedWorker;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.postgresql.ds.PGSimpleDataSource;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Keeps the sums of roll-ups on a ClickHouse cluster. */
@Command(
        name = "clickhouse",
        description = "The sums of roll-ups on a ClickHouse cluster.",
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        subcommands = {
            ClickHouseCommand.Install.class,
            ClickHouseCommand.Ship.class,
            ClickHouseCommand.Status.class,
            ClickHouseCommand.Verify.class
        })
public final class ClickHouseCommand {

    private static final Duration TIMEOUT = Duration.ofMinutes(1);

    /** What they have in common. */
    private abstract static class Subcommand extends MappedCommand {
        @Mixin
        private ClickHouseOptions clickHouse = new ClickHouseOptions();

        final ClickHouseUsage.Builder clickHouse() {
            return clickHouse.builder();
        }

        /** The roll-ups of the mapped tables, which must be installed. */
        final PostgresRollups rollups() {
            PGSimpleDataSource dataSource = database().dataSource();
            PostgresRollups rollups = PostgresRollups.of(dataSource, mapping(dataSource));
            Prerequisites.rollups(rollups, commands());
            return rollups;
        }

        /** The feed of these roll-ups, which must be installed. */
        final RollupFeed feed() {
            RollupFeed feed = rollups().feed();
            status(feed);
            return feed;
        }

        final FeedStatus status(RollupFeed feed) {
            return Prerequisites.feed(feed, commands());
        }
    }

    /** Creates both ends. */
    @Command(
            name = "install",
            description =
                    "Creates the feed beside the roll-ups, and the tables on ClickHouse: of the server that the URL leads"
                            + " to, so that it runs once for each of them, or with --on-cluster of all.")
    static final class Install extends Subcommand {
        @Option(
                names = "--on-cluster",
                description = "Creates the tables on all servers of the cluster, which needs a keeper.")
        private boolean onCluster;

        @Option(
                names = "--engine",
                paramLabel = "ENGINE",
                description = "The engine of the tables with its arguments: MergeTree, which is the default, or"
                        + " ReplicatedMergeTree(...).")
        private String engine = "MergeTree";

        @Option(names = "--print", description = "Prints the DDL of the tables on ClickHouse instead.")
        private boolean print;

        @Override
        public Integer call() {
            ClickHouseUsage.Builder builder = clickHouse().engine(engine);
            ClickHouseUsage clickHouse = (onCluster ? builder.onCluster() : builder).build();
            if (print) {
                out().println(clickHouse.ddl().stripTrailing());
                return ExitCode.OK;
            }
            RollupFeed feed = rollups().feed();
            feed.install();
            clickHouse.install();
            out().println("The feed is in schema " + feed.schema() + ", and the tables are on ClickHouse.");
            return ExitCode.OK;
        }
    }

    /** Ships what is listed. */
    @Command(name = "ship", description = "Ships all hours that have changed since they were shipped, and ends.")
    static final class Ship extends Subcommand {
        @Option(
                names = "--all",
                description =
                        "Ships everything again, all projects too: to a cluster that is new or has lost its tables.")
        private boolean all;

        @Override
        public Integer call() throws InterruptedException {
            ClickHouseUsage clickHouse = clickHouse().build();
            RollupFeed feed = feed();
            if (all) {
                feed.reshipAll();
            }
            long toShip = status(feed).hoursToShip();
            long hours = 0;
            try (Progress progress = Progress.of("Shipping", "hours", toShip, err());
                    FeedWorker worker = feed.worker(clickHouse.store())
                            .runBudget(Duration.ofSeconds(1))
                            .listener(new FeedListener() {
                                @Override
                                public void cycleEnded(FeedCycle cycle) {
                                    progress.step(cycle.hours());
                                }
                            })
                            .build()) {
                FeedRun run = worker.runOnce();
                hours = run.hours();
                while (run.left() || !run.leader()) {
                    if (!run.leader()) {
                        TimeUnit.SECONDS.sleep(1); // another session ships
                    }
                    run = worker.runOnce();
                    hours += run.hours();
                }
                out().println(UsageTables.grouped(hours) + " hours are shipped"
                        + (run.complete()
                                ? "; ClickHouse is complete up to version " + run.version() + "."
                                : "; ClickHouse isn't complete yet, since hours are still to be rolled."));
            }
            return ExitCode.OK;
        }
    }

    /** Says how far ClickHouse is behind. */
    @Command(name = "status", description = "Says how far ClickHouse is behind the roll-ups.")
    static final class Status extends Subcommand {
        @Override
        public Integer call() {
            ClickHouseUsage clickHouse = clickHouse().build();
            FeedStatus status = status(rollups().feed());
            long highest = clickHouse.store().highestVersion();
            PrintWriter out = out();
            out.println("hours to ship:        " + UsageTables.grouped(status.hoursToShip()));
            out.println("  oldest since:       "
                    + status.oldestToShip().map(Object::toString).orElse("-"));
            out.println("days shipped, about:  " + UsageTables.grouped(status.shippedDays()));
            out.println("version:              " + status.published());
            out.println("  shipped at:         "
                    + status.publishedAt().map(Object::toString).orElse("nothing is shipped yet"));
            out.println("highest on ClickHouse: " + highest);
            return ExitCode.OK;
        }
    }

    /** Compares both ends. */
    @Command(
            name = "verify",
            description =
                    "Compares all that was shipped with the roll-ups, and prints the days of each project and month that"
                            + " differ; ends with 1 if there are any.")
    static final class Verify extends Subcommand {
        @Option(
                names = "--repair",
                description = "Has these days shipped again: until then they are read from PostgreSQL.")
        private boolean repair;

        @Override
        public Integer call() {
            ClickHouseUsage clickHouse = clickHouse().build();
            RollupFeed feed = feed();
            PrintWriter out = out();
            List<ProjectDays> differing = new ArrayList<>();
            long compared = feed.verify(clickHouse.reader(), TIMEOUT, days -> {
                out.println(Terminal.printable(days.projectId()) + " from " + days.from() + " to " + days.to()
                        + " differs");
                differing.add(days);
            });
            if (differing.isEmpty()) {
                out.println("All " + UsageTables.grouped(compared)
                        + " days of projects on ClickHouse are those of the roll-ups.");
                return ExitCode.OK;
            }
            if (repair) {
                feed.reship(differing);
            }
            out.println(UsageTables.grouped(differing.size()) + " months of projects differ"
                    + (repair ? "ed and are to be shipped again." : "."));
            return ExitCode.SOFTWARE;
        }
    }
}
