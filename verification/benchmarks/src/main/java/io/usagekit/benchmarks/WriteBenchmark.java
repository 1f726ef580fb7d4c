package io.usagekit.benchmarks;

import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Processor time of the server for writes without triggers, with those of roll-ups, and with triggers that keep a counter an hour, measured in
 * turn.
 */
final class WriteBenchmark {

    private static final int ROUNDS = 21;
    private static final String RECENT = "'2026-03-17T12:10:00Z'";
    private static final List<String> WAYS = List.of("plain", "rolled", "counted");

    private static final List<Operation> OPERATIONS = List.of(
            new Operation(
                    "insert of one event",
                    "insert into {s}.events values (?, 'p', repeat('x', 500), '\\xffff', " + RECENT + ", null)",
                    1),
            new Operation(
                    "insert of 100 events",
                    "insert into {s}.events select ? || '-' || n, 'p', repeat('x', 500), '\\xffff', " + RECENT
                            + ", null from generate_series(1, 100) n",
                    20),
            new Operation(
                    "insert of one delivery",
                    "insert into {s}.event_deliveries values (?, 'p', 'r0-0', 'Scheduled', " + RECENT + ")",
                    1),
            new Operation("change of a status", "update {s}.event_deliveries set status = 'Success' where id = ?", 1));

    private final int times;
    private final PrintWriter out;

    /**
     * Prepares.
     *
     * @param events how many are written, in all rounds
     */
    WriteBenchmark(int events, PrintWriter out) {
        this.times = Math.max(20, events / 100);
        this.out = out;
    }

    private record Operation(String name, String sql, int weight) {}

    void run() throws SQLException {
        try (BenchmarkDatabase database = new BenchmarkDatabase()) {
            for (String way : WAYS) {
                createTables(database, way);
            }
            PostgresUsage.installIndexes(database.pool(), TableMapping.gateway("plain"));
            PostgresUsage.installIndexes(database.pool(), TableMapping.gateway("counted"));
            countByTriggers(database);
            PostgresRollups rollups = PostgresRollups.builder(database.pool())
                    .mapping(TableMapping.gateway("rolled"))
                    .clock(InstantSource.fixed(Instant.parse("2026-03-17T12:20:00Z")))
                    .build();
            rollups.install();
            try (RollupWorker worker = rollups.worker().build()) {
                worker.runOnce();
            }
            for (Operation operation : OPERATIONS) {
                measure(database, operation);
            }
        }
    }

    private void measure(BenchmarkDatabase database, Operation operation) throws SQLException {
        List<List<Double>> seconds = List.of(new ArrayList<>(), new ArrayList<>(), new ArrayList<>());
        int writes = Math.max(1, times / operation.weight());
        try (Connection connection = database.pool().getConnection()) {
            for (int round = 0; round < ROUNDS; round++) {
                for (int way = 0; way < WAYS.size(); way++) {
                    seconds.get(way).add(seconds(connection, WAYS.get(way), operation, round, writes));
                }
            }
        }
        List<Double> micros = seconds.stream()
                .map(each -> {
                    Collections.sort(each);
                    return each.get(each.size() / 2) * 1e6 / writes;
                })
                .toList();
        out.printf(
                Locale.ROOT,
                "%-24s %,8.1f us without triggers, %,8.1f us with those of roll-ups (%.2fx), %,8.1f us with counters (%.2fx)%n",
                operation.name(),
                micros.get(0),
                micros.get(1),
                micros.get(1) / micros.get(0),
                micros.get(2),
                micros.get(2) / micros.get(0));
    }

    private static double seconds(Connection connection, String schema, Operation operation, int round, int writes)
            throws SQLException {
        long pid = backend(connection);
        try (PreparedStatement statement =
                connection.prepareStatement(operation.sql().replace("{s}", schema))) {
            double before = processSeconds(pid);
            for (int i = 0; i < writes; i++) {
                statement.setString(1, "r" + round + "-" + i);
                statement.executeUpdate();
            }
            return processSeconds(pid) - before;
        }
    }

    private static long backend(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("select pg_backend_pid()");
                ResultSet row = statement.executeQuery()) {
            row.next();
            return row.getLong(1);
        }
    }

    private static void createTables(BenchmarkDatabase database, String schema) throws SQLException {
        for (String sql : List.of(
                "create schema {s}",
                "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table {s}.events (id varchar primary key, project_id varchar, raw text, data bytea, created_at timestamptz,"
                        + " deleted_at timestamptz)",
                "create table {s}.event_deliveries (id varchar primary key, project_id varchar, event_id varchar, status text,"
                        + " created_at timestamptz)",
                "insert into {s}.projects values ('p', 'org-123', null)",
                "create index on {s}.events (project_id, created_at) where deleted_at is null",
                "create index on {s}.events (project_id)",
                "create index on {s}.event_deliveries (project_id, created_at)",
                "create index on {s}.event_deliveries (event_id)",
                "create index on {s}.event_deliveries (status)")) {
            database.run(sql.replace("{s}", schema));
        }
    }

    /** The other way to have sums at hand: triggers that count each row where it is written. */
    private static void countByTriggers(BenchmarkDatabase database) throws SQLException {
        database.run(
                "create table counted.counter (project_id varchar, bucket timestamptz, received_volume bigint,"
                        + " received_bytes bigint, sent_volume bigint, sent_bytes bigint, primary key (project_id, bucket))",
                "create function counted.count_event() returns trigger language plpgsql as $$ begin insert into counted.counter as c"
                        + " values (new.project_id, date_trunc('hour', new.created_at, 'UTC'), 1, octet_length(new.raw) +"
                        + " octet_length(new.data), 0, 0) on conflict (project_id, bucket) do update set received_volume ="
                        + " c.received_volume + 1, received_bytes = c.received_bytes + excluded.received_bytes; return null;"
                        + " end $$",
                "create function counted.count_delivery() returns trigger language plpgsql as $$ begin insert into counted.counter"
                        + " as c select new.project_id, date_trunc('hour', new.created_at, 'UTC'), 0, 0, 1, octet_length(e.raw) +"
                        + " octet_length(e.data) from counted.events e where e.id = new.event_id on conflict (project_id, bucket)"
                        + " do update set sent_volume = c.sent_volume + 1, sent_bytes = c.sent_bytes + excluded.sent_bytes;"
                        + " return null; end $$",
                "create trigger count after insert on counted.events for each row execute function counted.count_event()",
                "create trigger count_insert after insert on counted.event_deliveries for each row when (new.status = 'Success')"
                        + " execute function counted.count_delivery()",
                "create trigger count_update after update on counted.event_deliveries for each row when (new.status = 'Success'"
                        + " and old.status <> 'Success') execute function counted.count_delivery()");
    }

    /** Processor time of a process on this machine, in steps of 10 ms; the time on the clock where that isn't known. */
    private static double processSeconds(long pid) {
        Optional<String> stat = stat(pid);
        if (stat.isEmpty()) {
            return System.nanoTime() / 1e9;
        }
        String[] fields = stat.get().substring(stat.get().lastIndexOf(')') + 2).split(" ", -1);
        return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / 100.0;
    }

    private static Optional<String> stat(long pid) {
        Path file = Path.of("/proc", Long.toString(pid), "stat");
        try {
            return Files.exists(file) ? Optional.of(Files.readString(file)) : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }
}
