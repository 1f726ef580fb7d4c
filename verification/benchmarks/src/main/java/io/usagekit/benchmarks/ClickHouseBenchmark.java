package io.usagekit.benchmarks;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.reports.UsageReports;
import io.usagekit.reports.UsageSeriesGranularity;
import io.usagekit.servers.EmbeddedClickHouseCluster;
import java.io.PrintWriter;
import java.sql.SQLException;
import java.time.Duration;
import java.time.YearMonth;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * Figures, reports and series of one month from two shards beside those from roll-ups, with so many events in 90 days and with ten times as many
 * in 900; what a figure asks of PostgreSQL; what feeding the shards costs, and what they store.
 */
final class ClickHouseBenchmark {

    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final List<String> ORGANISATIONS = List.of("org-1", "org-10", "org-100");
    private static final Duration TIMEOUT = Duration.ofMinutes(1);
    private static final int DAYS = 90;
    private static final int TIMES = 10;
    private static final int WARM_UP = 3;

    private final int events;
    private final int rounds;
    private final PrintWriter out;

    ClickHouseBenchmark(int events, int rounds, PrintWriter out) {
        this.events = events;
        this.rounds = rounds;
        this.out = out;
    }

    void run() throws Exception {
        Map<String, String> settings = Map.of(
                "shared_preload_libraries", "pg_stat_statements",
                "shared_buffers", "512MB",
                "fsync", "off",
                "autovacuum", "off",
                "jit", "off");
        try (BenchmarkDatabase server = new BenchmarkDatabase(settings);
                EmbeddedClickHouseCluster cluster = EmbeddedClickHouseCluster.start(2)) {
            server.run("create extension pg_stat_statements");
            try (ClickHouseDatabase small = new ClickHouseDatabase(server, cluster, "small", events / DAYS, DAYS);
                    ClickHouseDatabase large =
                            new ClickHouseDatabase(server, cluster, "large", events / DAYS, 10 * DAYS)) {
                printFeed(small);
                printFeed(large);
                for (String organisation : ORGANISATIONS) {
                    UsageKey key = new UsageKey(organisation, MARCH);
                    requireEqual(small, key);
                    requireEqual(large, key);
                    printBuffers(server, small, key);
                    printBuffers(server, large, key);
                    printShardSeconds(small, large, key);
                }
                out.println(Comparison.table(compare(small, large)));
                out.flush();
            }
        }
    }

    private void printFeed(ClickHouseDatabase database) throws SQLException {
        ClickHouseDatabase.Feed feed = database.feed;
        double cpu = feed.feedSeconds() + feed.shardSeconds();
        out.printf(
                Locale.ROOT,
                "%s: %,d events; %,d hours shipped in %.1f s, %.1f s of processor time of the feed and PostgreSQL, %.1f s of the"
                        + " shards: %,.0f hours and %,.0f events a second of it; %.2f octets an event%n",
                database.name,
                database.events,
                feed.hours(),
                feed.seconds(),
                feed.feedSeconds(),
                feed.shardSeconds(),
                feed.hours() / cpu,
                database.events / cpu,
                (double) database.octets() / database.events);
        out.flush();
    }

    private static void requireEqual(ClickHouseDatabase database, UsageKey key) {
        OrganisationUsage expected = database.rollups.calculator().calculate(key, TIMEOUT);
        for (UsageCalculator calculator : List.of(database.shards, database.history)) {
            OrganisationUsage figure = calculator.calculate(key, TIMEOUT);
            if (!figure.received().equals(expected.received()) || !figure.sent().equals(expected.sent())) {
                throw new IllegalStateException("roll-ups say " + expected + ", ClickHouse says " + figure);
            }
        }
    }

    private void printBuffers(BenchmarkDatabase server, ClickHouseDatabase database, UsageKey key) throws Exception {
        out.printf(
                Locale.ROOT,
                "%s, %s: buffers of PostgreSQL for a figure from roll-ups %,.0f, from shards %,.0f%n",
                database.name,
                key.organisationId(),
                buffers(server, database, database.rollups.calculator(), key),
                buffers(server, database, database.shards, key));
    }

    /** Of a session whose statements are planned. */
    private static double buffers(
            BenchmarkDatabase server, ClickHouseDatabase database, UsageCalculator calculator, UsageKey key)
            throws Exception {
        for (int i = 0; i < TIMES; i++) {
            calculator.calculate(key, TIMEOUT);
        }
        return ServerCost.of(server, database.name, () -> {
                    for (int i = 0; i < TIMES; i++) {
                        calculator.calculate(key, TIMEOUT);
                    }
                })
                .dividedBy(TIMES)
                .buffers();
    }

    /** Of both databases in turn: what else the machine does slows both down. */
    private void printShardSeconds(ClickHouseDatabase small, ClickHouseDatabase large, UsageKey key) {
        List<UsageCalculator> readers = List.of(small.shards, large.shards, small.history, large.history);
        double[] seconds = new double[readers.size()];
        for (int round = 0; round < rounds; round++) {
            for (int reader = 0; reader < seconds.length; reader++) {
                double before = ClickHouseDatabase.shardSeconds();
                for (int i = 0; i < TIMES; i++) {
                    readers.get(reader).calculate(key, TIMEOUT);
                }
                seconds[reader] += ClickHouseDatabase.shardSeconds() - before;
            }
        }
        double reads = TIMES * (double) rounds;
        out.printf(
                Locale.ROOT,
                "%s: processor time of the shards, small, large: proved by PostgreSQL %.1f ms, %.1f ms; alone %.1f ms, %.1f ms%n",
                key.organisationId(),
                seconds[0] / reads * 1e3,
                seconds[1] / reads * 1e3,
                seconds[2] / reads * 1e3,
                seconds[3] / reads * 1e3);
        out.flush();
    }

    /** Ten times the events right after the events: the ratio of these two is a reader's growth. */
    private List<Comparison.Result> compare(ClickHouseDatabase small, ClickHouseDatabase large) {
        List<Comparison.Result> results = new ArrayList<>();
        for (String organisation : ORGANISATIONS) {
            UsageKey key = new UsageKey(organisation, MARCH);
            results.addAll(growth(organisation + " from roll-ups", small, large, database -> {
                UsageCalculator calculator = database.rollups.calculator();
                return () -> calculator.calculate(key, TIMEOUT);
            }));
            results.addAll(growth(
                    organisation + " from shards, proved by PostgreSQL",
                    small,
                    large,
                    database -> () -> database.shards.calculate(key, TIMEOUT)));
            results.addAll(growth(
                    organisation + " from shards alone",
                    small,
                    large,
                    database -> () -> database.history.calculate(key, TIMEOUT)));
        }
        reports("roll-ups", small, large, database -> database.rollups, results::addAll);
        reports("shards alone", small, large, database -> database.history, results::addAll);
        return results;
    }

    private void reports(
            String source,
            ClickHouseDatabase small,
            ClickHouseDatabase large,
            Function<ClickHouseDatabase, UsageReports> reports,
            Consumer<List<Comparison.Result>> results) {
        UsageKey key = new UsageKey(ORGANISATIONS.get(0), MARCH);
        results.accept(growth(
                "all organisations from " + source,
                small,
                large,
                database -> () -> reports.apply(database).calculateAll(MARCH, TIMEOUT, figure -> {})));
        results.accept(growth(
                "days of org-1 from " + source,
                small,
                large,
                database -> () ->
                        reports.apply(database).series(key, UsageSeriesGranularity.DAY, ZoneOffset.UTC, TIMEOUT)));
    }

    private List<Comparison.Result> growth(
            String what,
            ClickHouseDatabase small,
            ClickHouseDatabase large,
            Function<ClickHouseDatabase, Runnable> read) {
        return new Comparison(List.of(peer(what, small, read), peer(what, large, read)))
                .run(WARM_UP, rounds, round -> {});
    }

    private static Peer peer(String what, ClickHouseDatabase database, Function<ClickHouseDatabase, Runnable> read) {
        Runnable reader = read.apply(database);
        return Peer.median(what + ", " + database.name, 1, number -> reader.run());
    }
}
