package io.usagekit.benchmarks;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.rollups.RollupDrift;
import io.usagekit.postgres.rollups.RollupListener;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.VerificationProgress;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A database with the gateway's tables, their rows of March 2026, and roll-ups of them: as they are, or partitioned by day. Partitions of
 * other days are empty, so that the rows are the same ones whatever the number of partitions.
 */
final class ScaleDatabase implements AutoCloseable {

    static final UsagePeriod MONTH = UsagePeriod.month(YearMonth.of(2026, 3));
    static final int DAYS = 31;

    /** As many as the days that have rows, and some around them. */
    static final int MIN_PARTITIONS = DAYS + 9;

    private static final String SCHEMA = "benchmark";
    private static final TableMapping MAPPING = TableMapping.gateway(SCHEMA);
    private static final Duration TIMEOUT = Duration.ofMinutes(10);

    /** After which a worker's run, a verification or a retention starts nothing more. */
    private static final Duration BUDGET = Duration.ofSeconds(10);

    private static final Instant NOW = Instant.parse("2026-04-02T00:00:00Z");

    private final String name;
    private final HikariDataSource pool;
    private final PostgresRollups rollups;
    private final UsageCalculator rolled;
    private final UsageCalculator combined;
    private final RollupWorker worker;

    /** Takes steps as large as they come: what is to be measured isn't the way to a clean state. */
    private final RollupWorker preparing;

    /** How the last figure was computed. */
    private volatile String source = "nothing";

    private ScaleDatabase(String name, HikariDataSource pool) {
        this.name = name;
        this.pool = pool;
        PostgresRollups.Builder builder =
                PostgresRollups.builder(pool).mapping(MAPPING).clock(InstantSource.fixed(NOW));
        rollups = builder.listener(new RollupListener() {
                    @Override
                    public void fromRollups(UsageKey key, long liveHours, long markedHours) {
                        source = "roll-ups";
                    }

                    @Override
                    public void fromRawRows(UsageKey key, Fallback why) {
                        source = "raw rows, " + why;
                    }
                })
                .build();
        rolled = rollups.calculator();
        combined = PostgresUsage.calculator(pool, MAPPING);
        worker = rollups.worker().runBudget(BUDGET).build();
        preparing = rollups.worker()
                .runBudget(Duration.ofHours(1))
                .stepBudget(Duration.ofHours(1))
                .stepTimeout(Duration.ofHours(1))
                .build();
    }

    /** Creates a database with the tables and indexes, without partitions and roll-ups. */
    static void createTemplate(BenchmarkDatabase server, String name, int events) throws SQLException {
        server.run("create database " + name);
        try (HikariDataSource pool = server.poolOf(name)) {
            BenchmarkDatabase.createGatewayTables(pool, SCHEMA, events, DAYS);
            PostgresUsage.installIndexes(pool, MAPPING);
        }
    }

    /** Creates a copy of the template with so many daily partitions, or none, of each table; rolls all of it. */
    static ScaleDatabase create(BenchmarkDatabase server, String template, int partitions) throws SQLException {
        String name = template + "_" + partitions;
        server.run("create database " + name + " template " + template);
        ScaleDatabase database = new ScaleDatabase(name, server.poolOf(name));
        try {
            if (partitions > 0) {
                database.partition("events", partitions);
                database.partition("event_deliveries", partitions);
            }
            database.rollups.install();
            database.rollEverything();
            BenchmarkDatabase.run(
                    database.pool,
                    "vacuum (analyze) benchmark.projects, benchmark.events, benchmark.event_deliveries",
                    "analyze");
            return database;
        } catch (SQLException | RuntimeException e) {
            database.close();
            throw e;
        }
    }

    /** Replaces a table by a partitioned one with its rows and indexes; a unique index gets the time as its last column. */
    private void partition(String table, int partitions) throws SQLException {
        List<String> indexes = indexes(table);
        String name = SCHEMA + "." + table;
        BenchmarkDatabase.run(
                pool,
                "create schema if not exists source",
                "alter table " + name + " set schema source",
                "create table " + name + " (like source." + table
                        + " including defaults including storage) partition by range (created_at)",
                "alter table " + name + " add primary key (id, created_at)");
        BenchmarkDatabase.run(pool, indexes.toArray(String[]::new));
        int batch = 50;
        for (int first = 0; first < partitions; first += batch) {
            BenchmarkDatabase.run(pool, """
                    do $$ begin
                        for n in %1$d .. %2$d loop
                            execute format('create table %3$s_%%s partition of %3$s for values from (%%L) to (%%L)',
                                to_char(date '2026-04-05' - n, 'YYYYMMDD'),
                                (date '2026-04-05' - n)::timestamp at time zone 'UTC',
                                (date '2026-04-05' - n + 1)::timestamp at time zone 'UTC');
                        end loop;
                    end $$""".formatted(first, Math.min(first + batch, partitions) - 1, name));
        }
        BenchmarkDatabase.run(
                pool, "insert into " + name + " select * from source." + table, "drop table source." + table);
    }

    private List<String> indexes(String table) throws SQLException {
        List<String> found = new ArrayList<>();
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("select indexdef from pg_indexes where schemaname = '" + SCHEMA
                        + "' and tablename = '" + table + "' and indexdef not like 'CREATE UNIQUE%'")) {
            while (row.next()) {
                found.add(row.getString(1));
            }
        }
        return found;
    }

    String name() {
        return name;
    }

    /** Computes the month's figure from roll-ups. */
    OrganisationUsage rolledFigure(String organisation) {
        OrganisationUsage figure = rolled.calculate(new UsageKey(organisation, MONTH), TIMEOUT);
        if (!source.equals("roll-ups")) {
            throw new IllegalStateException(name + " computed " + figure + " from " + source);
        }
        return figure;
    }

    /** Computes the month's figure by the combined query. */
    OrganisationUsage combinedFigure(String organisation) {
        return combined.calculate(new UsageKey(organisation, MONTH), TIMEOUT);
    }

    /** Adds an event and a delivery of the largest organisation to an hour that is rolled. */
    void addLateRow(int number) throws SQLException {
        String late = "'late-" + number + "'";
        String time = "timestamptz '2026-03-20T05:30:00Z' + " + number + " * interval '1 hour'";
        BenchmarkDatabase.run(
                pool,
                "insert into benchmark.events (id, project_id, raw, data, created_at) values (" + late
                        + ", 'project-1', 'late', '', " + time + ")",
                "insert into benchmark.event_deliveries (id, project_id, event_id, status, created_at) values (" + late
                        + ", 'project-1', " + late + ", 'Success', " + time + ")");
    }

    /** Has the worker's next run roll everything from scratch: a mapped column of the table is altered. */
    void forgetRolled(int number) throws SQLException {
        BenchmarkDatabase.run(
                pool, "alter table only benchmark.events alter created_at set statistics " + (100 + number));
    }

    /** One run of the worker, which ends when there is nothing to do or its budget is used up; returns the number of hours re-rolled. */
    long roll() {
        return worker.runOnce().rerolledHours();
    }

    /** Rolls whatever isn't rolled. */
    void rollEverything() {
        while (!preparing.runOnce().finished()) {
            Thread.onSpinWait();
        }
    }

    /** Returns the number of events and deliveries in hours that are rolled. */
    long rolledRows() throws SQLException {
        return count(
                "select (select count(*) from benchmark.events e join benchmark_rollups.project p on p.project_id = e.project_id"
                        + " and e.created_at >= p.covered_from) + (select count(*) from benchmark.event_deliveries d"
                        + " join benchmark_rollups.project p on p.project_id = d.project_id and d.created_at >= p.covered_from)");
    }

    /** Verifies one project after the other until the budget is used up; returns those that are verified. */
    List<String> verify() {
        List<String> verified = new ArrayList<>();
        long started = System.nanoTime();
        try {
            rollups.verify(new VerificationProgress() {
                @Override
                public void drifted(RollupDrift drift) {
                    throw new IllegalStateException(name + " has a wrong hour: " + drift);
                }

                @Override
                public void verified(String projectId) {
                    verified.add(projectId);
                    endAfterBudget(started);
                }
            });
        } catch (BudgetUsedUp e) {
            return verified;
        }
        return verified;
    }

    /** Returns the number of events and deliveries of these projects. */
    long rowsOf(List<String> projects) throws SQLException {
        String list = "('" + String.join("', '", projects) + "')";
        return count("select (select count(*) from benchmark.events where project_id in " + list
                + ") + (select count(*) from benchmark.event_deliveries where project_id in " + list + ")");
    }

    /** Deletes the rows before that many quarters of a day until the budget is used up; returns the number of rows. */
    long retain(int quarters) {
        long started = System.nanoTime();
        AtomicLong rows = new AtomicLong();
        try {
            rollups.deleteBefore(
                    Instant.parse("2026-03-02T00:00:00Z").plus(Duration.ofHours(6L * quarters)),
                    new RetentionProgress() {
                        @Override
                        public void deleted(long deliveries, long events) {
                            rows.addAndGet(deliveries + events);
                            endAfterBudget(started);
                        }
                    });
        } catch (BudgetUsedUp e) {
            return rows.get();
        }
        return rows.get();
    }

    private static void endAfterBudget(long started) {
        if (System.nanoTime() - started > BUDGET.toNanos()) {
            throw new BudgetUsedUp();
        }
    }

    /** Ends what has taken longer than the budget. */
    private static final class BudgetUsedUp extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }

    private long count(String query) throws SQLException {
        try (Connection connection = pool.getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(query)) {
            row.next();
            return row.getLong(1);
        }
    }

    @Override
    public void close() {
        worker.close();
        preparing.close();
        pool.close();
    }
}
