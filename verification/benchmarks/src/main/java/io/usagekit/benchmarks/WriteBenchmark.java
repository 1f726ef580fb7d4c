package io.usagekit.benchmarks;

import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import java.io.PrintWriter;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * Processor time of the server for writes without triggers, with a trigger for each row that does nothing, with those of roll-ups, and with
 * triggers that keep a counter an hour, measured in turn: a ratio is taken within a round.
 */
final class WriteBenchmark {

    private static final int ROUNDS = 21;
    private static final int WARM_UP = 3;

    /** Of the transactions and statements that write many rows. */
    private static final int BATCH = 100;

    /** Of the late {@code INSERT ... SELECT} at the default size. */
    private static final int BULK = 20_000;

    private static final String RECENT = "'2026-03-17T12:10:00Z'";
    private static final String LATE = "'2026-03-16T09:10:00Z'";

    /** Octets of a large payload, which PostgreSQL keeps outside of the row. */
    private static final int LARGE = 100_000;

    private static final List<String> WAYS = List.of("plain", "empty", "rolled", "counted");

    /** Those that are measured beside large documents, too. */
    private static final List<String> WAYS_OF_DOCUMENTS = List.of("plain", "empty", "rolled");

    private static final List<String> DOCUMENTS = List.of("jsonb", "json");
    private static final List<String> SHAPES = List.of("", "_jsonb", "_json");

    /** How the statements of a slice are committed. */
    private enum Commit {
        EACH,
        BATCHES
    }

    /**
     * A write that is measured.
     *
     * @param sql with {@code {s}} for the schema and one parameter, the id of the row
     * @param shape of the tables: {@code ""}, {@code "_jsonb"} or {@code "_json"}
     * @param weight about how many times one row's work a statement is
     */
    private record Operation(String name, String shape, String sql, Commit commit, int weight) {

        static Operation of(String name, String sql) {
            return new Operation(name, "", sql, Commit.EACH, 1);
        }

        /** Committed by {@value #BATCH}. */
        Operation inBatches() {
            return new Operation(name + ", " + BATCH + " a transaction", shape, sql, Commit.BATCHES, weight);
        }

        /** Each statement is about so many times one row's work. */
        Operation weighing(int times) {
            return new Operation(name, shape, sql, commit, times);
        }
    }

    private final int rows;
    private final PrintWriter out;

    /**
     * Prepares.
     *
     * @param events how many are written, in all rounds
     */
    WriteBenchmark(int events, PrintWriter out) {
        this.rows = Math.max(20, events / 100);
        this.out = out;
    }

    private List<Operation> operations() {
        String insertEvent = "insert into {s}.events select ? %s, 'p', repeat('x', 500), '\\xffff', %s, null, 'new' %s";
        String many = "from generate_series(1, %d) n";
        Operation status =
                Operation.of("change of a status", "update {s}.event_deliveries set status = 'Success' where id = ?");
        Operation note =
                Operation.of("change of another column", "update {s}.events set note = 'changed' where id = ?");
        Operation late = Operation.of("insert of a late event", insertEvent.formatted("", LATE, ""));
        int bulk = Math.min(BULK, 10 * rows);
        List<Operation> operations = new ArrayList<>(List.of(
                Operation.of("insert of an event", insertEvent.formatted("", RECENT, "")),
                Operation.of(
                                "insert of " + BATCH + " events",
                                insertEvent.formatted("|| '-' || n", RECENT, many.formatted(BATCH)))
                        .weighing(BATCH / 5),
                Operation.of(
                        "insert of a delivery",
                        "insert into {s}.event_deliveries select ?, 'p', 'e', 'Scheduled', " + RECENT),
                status,
                status.inBatches(),
                note,
                note.inBatches(),
                late,
                late.inBatches(),
                Operation.of("change of a late status", status.sql()),
                Operation.of("change of a late status", status.sql()).inBatches(),
                Operation.of("deletion of a late delivery", "delete from {s}.event_deliveries where id = ?"),
                Operation.of("deletion of an event", "delete from {s}.events where id = ?"),
                Operation.of(
                                String.format(Locale.ROOT, "late insert of %,d events", bulk),
                                insertEvent.formatted(
                                        "|| '-' || n",
                                        LATE + "::timestamptz - n % 24 * interval '1 hour'",
                                        many.formatted(bulk)))
                        .weighing(rows)));
        for (String type : DOCUMENTS) {
            operations.add(new Operation(
                    "change beside " + LARGE / 1000 + " kB of " + type, "_" + type, note.sql(), Commit.EACH, 5));
        }
        return operations;
    }

    void run() throws SQLException {
        try (BenchmarkDatabase database = new BenchmarkDatabase()) {
            for (String way : WAYS) {
                createTables(database, way, "text");
            }
            countByTriggers(database);
            for (String type : DOCUMENTS) {
                for (String way : WAYS_OF_DOCUMENTS) {
                    createTables(database, way + "_" + type, type);
                }
            }
            for (String shape : SHAPES) {
                callNothing(database, "empty" + shape);
                roll(database, TableMapping.gateway("rolled" + shape));
                for (String way : List.of("plain", "empty")) {
                    PostgresUsage.installIndexes(database.pool(), TableMapping.gateway(way + shape));
                }
            }
            PostgresUsage.installIndexes(database.pool(), TableMapping.gateway("counted"));
            for (Operation operation : operations()) {
                measure(database, operation);
            }
        }
    }

    private static void roll(BenchmarkDatabase database, TableMapping mapping) {
        PostgresRollups rollups = PostgresRollups.builder(database.pool())
                .mapping(mapping)
                .clock(InstantSource.fixed(Instant.parse("2026-03-17T12:20:00Z")))
                .build();
        rollups.install();
        try (RollupWorker worker = rollups.worker().build()) {
            worker.runOnce();
        }
    }

    private void measure(BenchmarkDatabase database, Operation operation) throws SQLException {
        List<String> schemas = (operation.shape().isEmpty() ? WAYS : WAYS_OF_DOCUMENTS)
                .stream().map(way -> way + operation.shape()).toList();
        List<List<Double>> micros =
                schemas.stream().<List<Double>>map(schema -> new ArrayList<>()).toList();
        int statements = Math.max(1, rows / operation.weight());
        for (int round = -WARM_UP; round < ROUNDS; round++) {
            for (int turn = 0; turn < schemas.size(); turn++) {
                int way = Math.floorMod(round + turn, schemas.size());
                String schema = schemas.get(way);
                if (round == -WARM_UP || operation.shape().isEmpty()) {
                    prepare(database, schema, operation, statements);
                }
                double used = micros(database, schema, operation, statements);
                if (round >= 0) {
                    micros.get(way).add(used / statements);
                }
            }
        }
        List<Double> plain = micros.get(0);
        out.printf(
                Locale.ROOT,
                "%-44s %,9.1f us",
                operation.name(),
                Comparison.Spread.of(plain).median());
        for (int way = 1; way < schemas.size(); way++) {
            List<Double> own = micros.get(way);
            List<Double> ratios = new ArrayList<>();
            for (int round = 0; round < ROUNDS; round++) {
                ratios.add(own.get(round) / plain.get(round));
            }
            Comparison.Spread ratio = Comparison.Spread.of(ratios);
            out.printf(
                    Locale.ROOT,
                    ", %s %,9.1f us, %.2fx (%.2f to %.2f)",
                    schemas.get(way),
                    Comparison.Spread.of(own).median(),
                    ratio.median(),
                    ratio.lowerQuartile(),
                    ratio.upperQuartile());
        }
        out.println();
        out.flush();
    }

    /** Leaves the rows that the statements of a slice change, and no others, in tables without dead rows. */
    private static void prepare(BenchmarkDatabase database, String schema, Operation operation, int statements)
            throws SQLException {
        database.run("truncate " + schema + ".events, " + schema + ".event_deliveries");
        if (!operation.sql().startsWith("insert")) {
            String time = operation.name().contains("late") ? LATE : RECENT;
            String each = " from generate_series(0, " + (statements - 1) + ") n";
            String payload = operation.shape().isEmpty()
                    ? "repeat('x', 500)"
                    : "json_build_object('d', (select string_agg(md5(i::text), '') from generate_series(1, "
                            + LARGE / 32 + ") i))::" + operation.shape().substring(1);
            database.run(
                    operation.sql().contains(".events ")
                            ? "insert into " + schema + ".events select 'r' || n, 'p', " + payload + ", '\\xffff', "
                                    + time + ", null, 'new'" + each
                            : "insert into " + schema + ".event_deliveries select 'r' || n, 'p', 'e', 'Scheduled', "
                                    + time + each);
        }
        if (schema.startsWith("rolled")) {
            database.run("truncate " + schema + "_rollups.mark, " + schema + "_rollups.changed_event");
        }
    }

    private static double micros(BenchmarkDatabase database, String schema, Operation operation, int statements)
            throws SQLException {
        try (Connection connection = database.pool().getConnection();
                PreparedStatement statement =
                        connection.prepareStatement(operation.sql().replace("{s}", schema))) {
            ServerProcess process = ServerProcess.of(connection);
            connection.setAutoCommit(operation.commit() == Commit.EACH);
            double before = process.micros();
            for (int i = 0; i < statements; i++) {
                statement.setString(1, "r" + i);
                statement.executeUpdate();
                if (operation.commit() == Commit.BATCHES && i % BATCH == BATCH - 1) {
                    connection.commit();
                }
            }
            double used = process.micros() - before;
            connection.setAutoCommit(true);
            return used;
        }
    }

    private static void createTables(BenchmarkDatabase database, String schema, String payload) throws SQLException {
        for (String sql : List.of(
                "create schema {s}",
                "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table {s}.events (id varchar primary key, project_id varchar, raw {p}, data bytea, created_at timestamptz,"
                        + " deleted_at timestamptz, note text)",
                "create table {s}.event_deliveries (id varchar primary key, project_id varchar, event_id varchar, status text,"
                        + " created_at timestamptz)",
                "insert into {s}.projects values ('p', 'org-123', null)",
                "create index on {s}.events (project_id, created_at) where deleted_at is null",
                "create index on {s}.events (project_id)",
                "create index on {s}.event_deliveries (project_id, created_at)",
                "create index on {s}.event_deliveries (event_id)",
                "create index on {s}.event_deliveries (status)")) {
            database.run(sql.replace("{s}", schema).replace("{p}", payload));
        }
    }

    /** What a trigger costs that calls a function for each row, whatever that does. */
    private static void callNothing(BenchmarkDatabase database, String schema) throws SQLException {
        for (String sql : List.of(
                "create function {s}.nothing() returns trigger language plpgsql as $$ begin return null; end $$",
                "create trigger nothing after insert or update or delete on {s}.events for each row execute function {s}.nothing()",
                "create trigger nothing after insert or update or delete on {s}.event_deliveries for each row execute function"
                        + " {s}.nothing()")) {
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
}
