package io.usagekit.benchmarks;

import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.YearMonth;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * What it costs that a figure from roll-ups proves the tables: the figure beside the same without that proof, over plain tables, and the
 * proof alone beside an empty statement, over tables of so many partitions together.
 */
final class ProofBenchmark {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final UsageKey KEY = new UsageKey("org-1", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final String PROOF =
            "select %s_rollups.is_intact('%1$s.events'::regclass, '%1$s.event_deliveries'::regclass%2$s)";
    private static final String OF_A_MONTH = ", '2026-03-01Z', '2026-04-01Z'";

    private final int times;
    private final int leaves;

    /**
     * Prepares.
     *
     * @param times calls in a slice
     * @param leaves partitions of both tables together
     */
    ProofBenchmark(int times, int leaves) {
        this.times = times;
        this.leaves = leaves;
    }

    /** Compares, on a PostgreSQL of its own. */
    List<Comparison.Result> run(int warmUp, int rounds, IntConsumer progress) throws SQLException {
        try (BenchmarkDatabase database = new BenchmarkDatabase()) {
            TableMapping plain = TableMapping.gateway("plain");
            database.createGatewayTables(plain.schema(), 60_000);
            UsageCalculator proving = rolled(database, plain, "plain_rollups");
            UsageCalculator trusting = rolled(database, plain, "trusted_rollups");
            database.run("create or replace function trusted_rollups.is_intact(events regclass, deliveries regclass,"
                    + " rolled_from timestamptz default null, rolled_to timestamptz default null)"
                    + " returns boolean language plpgsql stable as 'begin return true; end'");
            createPartitions(database);
            PostgresRollups.of(database.pool(), TableMapping.gateway("parted")).install();
            database.run("vacuum (analyze)");
            try (Connection connection = database.pool().getConnection();
                    PreparedStatement nothing = connection.prepareStatement("select true");
                    PreparedStatement ofPlain = connection.prepareStatement(PROOF.formatted("plain", ""));
                    PreparedStatement ofParted = connection.prepareStatement(PROOF.formatted("parted", ""));
                    PreparedStatement ofMonth = connection.prepareStatement(PROOF.formatted("parted", OF_A_MONTH))) {
                return new Comparison(List.of(
                                Peer.mean("a statement without anything", times, each -> repeat(nothing, each)),
                                Peer.mean("the proof of plain tables", times, each -> repeat(ofPlain, each)),
                                Peer.mean(
                                        "the proof of " + leaves + " partitions",
                                        times,
                                        each -> repeat(ofParted, each)),
                                Peer.mean("the proof of a month of them", times, each -> repeat(ofMonth, each)),
                                Peer.mean("a figure without the proof", times, each -> repeat(trusting, each)),
                                Peer.mean("a figure", times, each -> repeat(proving, each))))
                        .run(warmUp, rounds, progress);
            }
        }
    }

    private static UsageCalculator rolled(BenchmarkDatabase database, TableMapping mapping, String schema) {
        PostgresUsage.installIndexes(database.pool(), mapping);
        PostgresRollups rollups = PostgresRollups.builder(database.pool())
                .mapping(mapping)
                .schema(schema)
                .clock(InstantSource.fixed(Instant.parse("2026-04-02T00:00:00Z")))
                .build();
        rollups.install();
        try (RollupWorker worker = rollups.worker().build()) {
            boolean finished = false;
            while (!finished) {
                finished = worker.runOnce().finished();
            }
        }
        return rollups.calculator();
    }

    private void createPartitions(BenchmarkDatabase database) throws SQLException {
        database.run(
                "create schema parted",
                "create table parted.projects (like plain.projects including all)",
                "create table parted.events (like plain.events) partition by range (created_at)",
                "create table parted.event_deliveries (like plain.event_deliveries) partition by range (created_at)");
        for (int first = 0; first < leaves / 2; first += 100) {
            database.run("do $$ begin for n in " + first + " .. " + (Math.min(first + 100, leaves / 2) - 1) + " loop "
                    + partition("events") + partition("event_deliveries") + " end loop; end $$");
        }
    }

    private static String partition(String table) {
        return "execute format('create table parted." + table + "_%s partition of parted." + table
                + " for values from (%L) to (%L)', n, timestamptz '2026-01-01Z' + n * interval '3 hours',"
                + " timestamptz '2026-01-01Z' + (n + 1) * interval '3 hours');";
    }

    private static void repeat(PreparedStatement statement, int times) {
        try {
            for (int i = 0; i < times; i++) {
                try (ResultSet row = statement.executeQuery()) {
                    row.next();
                    if (!row.getBoolean(1)) {
                        throw new IllegalStateException("the tables don't prove intact");
                    }
                }
            }
        } catch (SQLException e) {
            throw new IllegalStateException(e.getMessage(), e);
        }
    }

    private static void repeat(UsageCalculator calculator, int times) {
        for (int i = 0; i < times; i++) {
            calculator.calculate(KEY, TIMEOUT);
        }
    }
}
