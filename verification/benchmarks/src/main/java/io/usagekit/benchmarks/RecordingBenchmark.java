package io.usagekit.benchmarks;

import com.sun.management.ThreadMXBean;
import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.events.Delivery;
import io.usagekit.events.EventRepository;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Payload;
import io.usagekit.events.Project;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.events.PostgresLedger;
import io.usagekit.postgres.partitions.PartitionInterval;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.partitions.PostgresPartitions;
import java.io.PrintWriter;
import java.io.StringReader;
import java.lang.management.ManagementFactory;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;
import javax.sql.DataSource;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;

/**
 * Processor time of the server and of the client, and garbage, for each event that is recorded, beside what a host would write itself into
 * the same tables. All ways use one connection, and take turns; a ratio is taken within a round. Events with keys that are recorded one by one are
 * compared with statements that look the key up as well.
 */
final class RecordingBenchmark {

    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final int WARM_UP = 5;

    /** The place of the keyed insertion among the ways to record one by one. */
    private static final int KEYED_INSERT = 2;

    /** Fewer than {@code PostgresPartitions} creates at once, by those that it creates ahead. */
    static final int MAX_PARTITIONS = 395;

    /** Events to which deliveries refer. */
    private static final int DELIVERED = 1_000;

    private static final String PARTITIONED = "partitioned";

    /** Room for the locks of a transaction on all partitions and their indexes. */
    private static final Map<String, String> SETTINGS = Map.of("max_locks_per_transaction", "1024");

    private final int rounds;
    private final int partitions;
    private final PrintWriter out;
    private int recorded;

    /**
     * Prepares.
     *
     * @param partitions of a day each, of the tables beside those without; 0 for none
     */
    RecordingBenchmark(int rounds, int partitions, PrintWriter out) {
        this.rounds = rounds;
        this.partitions = partitions;
        this.out = out;
    }

    @FunctionalInterface
    private interface Recording {
        void record(List<NewEvent> events) throws Exception;
    }

    /** A way to record. Its costs are compared with those of the way at a place of the list, {@code baseline}. */
    private record Way(String name, boolean isKeyed, int baseline, Recording recording) {

        Way(String name, boolean isKeyed, Recording recording) {
            this(name, isKeyed, 0, recording);
        }
    }

    /** Of one event: microseconds of the server and of the client, and octets that the client allocates. */
    private record Cost(double server, double client, double octets) {}

    void run() throws Exception {
        try (BenchmarkDatabase database = new BenchmarkDatabase(SETTINGS);
                HikariDataSource pool = database.poolOfOne()) {
            EventRepository ledger = ledger(database, pool, "usagekit");
            List<Way> ofHundred = new ArrayList<>(List.of(
                    new Way("multi-row INSERT", false, events -> insertMany(pool, events)),
                    new Way("COPY", false, events -> copy(pool, events)),
                    new Way("recordAll", false, ledger::recordAll),
                    new Way("recordAll, keyed", true, ledger::recordAll)));
            List<Way> singly = new ArrayList<>(List.of(
                    new Way("INSERT, a statement each", false, events -> insertSingly(pool, events)),
                    new Way("record", false, events -> ledger.record(events.get(0))),
                    new Way("INSERT, keyed, a statement each", true, events -> insertSingly(pool, events)),
                    new Way("record, keyed", true, KEYED_INSERT, events -> ledger.record(events.get(0)))));
            List<Way> deliveries = new ArrayList<>(
                    List.of(new Way("recordDeliveries", false, events -> ledger.recordDeliveries(deliveries(events)))));
            if (partitions > 0) {
                EventRepository partitioned = partitionedLedger(database, pool);
                String suffix = ", " + partitions + " partitions";
                singly.add(new Way("record" + suffix, false, events -> partitioned.record(events.get(0))));
                singly.add(new Way(
                        "record, keyed" + suffix, true, KEYED_INSERT, events -> partitioned.record(events.get(0))));
                deliveries.add(new Way(
                        "recordDeliveries" + suffix,
                        false,
                        events -> partitioned.recordDeliveries(deliveries(events))));
                ofHundred.add(new Way("recordAll" + suffix, false, partitioned::recordAll));
                ofHundred.add(new Way("recordAll, keyed" + suffix, true, partitioned::recordAll));
            }
            compare(pool, "one by one", 1, 50, singly);
            compare(pool, "lists of 100", 100, 5, ofHundred);
            compare(pool, "deliveries, one by one", 1, 50, deliveries);
            compare(pool, "deliveries, lists of 100", 100, 5, deliveries);
            compare(
                    pool,
                    "lists of 10,000",
                    10_000,
                    1,
                    List.of(
                            new Way("COPY", false, events -> copy(pool, events)),
                            new Way("recordAll", false, ledger::recordAll),
                            new Way("recordAll, keyed", true, ledger::recordAll)));
            long found = found(database, "usagekit") + (partitions > 0 ? found(database, PARTITIONED) : 0);
            if (found != recorded) {
                throw new IllegalStateException("recorded " + found + " events and deliveries instead of " + recorded);
            }
        }
    }

    /** Events and deliveries that were recorded into a schema, without those that were there before. */
    private static long found(BenchmarkDatabase database, String schema) throws SQLException {
        return database.count("select (select count(*) from " + schema + ".event_deliveries) + count(*) from " + schema
                + ".events where id not like 'delivered-%' and id not like 'day-%'");
    }

    private static EventRepository ledger(BenchmarkDatabase database, HikariDataSource pool, String schema) {
        PostgresLedger.of(database.pool(), schema).install();
        EventRepository ledger = PostgresLedger.of(pool, schema).repository();
        ledger.save(new Project("p", "org-1", ""));
        ledger.recordAll(IntStream.range(0, DELIVERED)
                .mapToObj(n -> NewEvent.builder("p", "delivered-" + n).build())
                .toList());
        return ledger;
    }

    /** Deliveries with the ids and times of events, each of another event that was recorded before. */
    private static List<NewDelivery> deliveries(List<NewEvent> events) {
        return events.stream()
                .map(event -> new NewDelivery(
                        event.id(),
                        "p",
                        "delivered-" + Math.floorMod(event.id().hashCode(), DELIVERED),
                        event.endpointIds().iterator().next(),
                        Delivery.SUCCESS,
                        event.createdAt()))
                .toList();
    }

    /** A ledger whose tables have a partition for each of the last days, with an event in each. */
    private EventRepository partitionedLedger(BenchmarkDatabase database, HikariDataSource pool) throws SQLException {
        EventRepository ledger = ledger(database, pool, PARTITIONED);
        database.run("insert into partitioned.events (id, project_id, raw, created_at) select 'day-' || n, 'p', '',"
                + " current_timestamp - (n - 1) * interval '1 day' from generate_series(1, " + partitions + ") n");
        PostgresPartitions.builder(database.pool())
                .mapping(TableMapping.usagekit(PARTITIONED))
                .build()
                .partition(PartitionInterval.DAY, new PartitionProgress() {});
        PostgresLedger.of(database.pool(), PARTITIONED).install();
        return ledger;
    }

    /** Compares ways to record lists of a size, so many times in a slice. */
    private void compare(HikariDataSource pool, String title, int size, int times, List<Way> ways) throws Exception {
        List<List<Cost>> costs =
                ways.stream().<List<Cost>>map(way -> new ArrayList<>()).toList();
        for (int round = -WARM_UP; round < rounds; round++) {
            for (int turn = 0; turn < ways.size(); turn++) {
                int way = Math.floorMod(round + turn, ways.size());
                Cost cost = cost(pool, ways.get(way), size, times);
                if (round >= 0) {
                    costs.get(way).add(cost);
                }
            }
        }
        out.printf(
                Locale.ROOT,
                "%-34s %22s %22s %22s%n",
                title + ", an event:",
                "us of the server",
                "us of the client",
                "octets of the client");
        for (int way = 0; way < ways.size(); way++) {
            List<Cost> baseline = costs.get(ways.get(way).baseline());
            out.printf(
                    Locale.ROOT,
                    "%-34s %s %s %s%n",
                    ways.get(way).name(),
                    cell(costs.get(way), baseline, Cost::server),
                    cell(costs.get(way), baseline, Cost::client),
                    cell(costs.get(way), baseline, Cost::octets));
        }
        out.println();
        out.flush();
    }

    /** The median, and the quartiles of the ratio to the baseline. */
    private static String cell(List<Cost> own, List<Cost> baseline, ToDoubleFunction<Cost> value) {
        List<Double> ratios = IntStream.range(0, own.size())
                .mapToObj(round -> value.applyAsDouble(own.get(round)) / value.applyAsDouble(baseline.get(round)))
                .toList();
        Comparison.Spread ratio = Comparison.Spread.of(ratios);
        return String.format(
                Locale.ROOT,
                "%,8.1f %5.2f (%.2f to %.2f)",
                Comparison.Spread.of(own.stream().map(value::applyAsDouble).toList())
                        .median(),
                ratio.median(),
                ratio.lowerQuartile(),
                ratio.upperQuartile());
    }

    private Cost cost(HikariDataSource pool, Way way, int size, int times) throws Exception {
        List<List<NewEvent>> lists = IntStream.range(0, times)
                .mapToObj(list -> IntStream.range(0, size)
                        .mapToObj(n -> event(recorded++, way.isKeyed()))
                        .toList())
                .toList();
        ServerProcess process;
        try (Connection connection = pool.getConnection()) {
            process = ServerProcess.of(connection);
        }
        long thread = Thread.currentThread().getId();
        double server = process.micros();
        long client = THREADS.getCurrentThreadCpuTime();
        long octets = THREADS.getThreadAllocatedBytes(thread);
        for (List<NewEvent> events : lists) {
            way.recording().record(events);
        }
        double count = (double) size * times;
        return new Cost(
                (process.micros() - server) / count,
                (THREADS.getCurrentThreadCpuTime() - client) / 1e3 / count,
                (THREADS.getThreadAllocatedBytes(thread) - octets) / count);
    }

    private static NewEvent event(int number, boolean isKeyed) {
        return NewEvent.builder("p", new UUID(number * 0x9E3779B97F4A7C15L, number).toString())
                .type("type-" + number % 17)
                .status("Processing")
                .payload(Payload.of("x".repeat(500)))
                .idempotencyKey(isKeyed ? "key-" + number : "")
                .createdAt(Instant.now().truncatedTo(ChronoUnit.MICROS))
                .endpointIds(List.of("endpoint-" + number % 1_000, "other-" + number % 997))
                .build();
    }

    /** A transaction of three statements, as a host would without the ledger; for an event with a key of five, two of which lock and look up the key. */
    private static void insertSingly(DataSource pool, List<NewEvent> events) throws SQLException {
        insert(pool, events, 1);
    }

    /** A transaction of two statements. */
    private static void insertMany(DataSource pool, List<NewEvent> events) throws SQLException {
        insert(pool, events, 2 * events.size());
    }

    private static void insert(DataSource pool, List<NewEvent> events, int endpointsAtOnce) throws SQLException {
        try (Connection connection = pool.getConnection()) {
            connection.setAutoCommit(false);
            boolean isKeyed = !events.get(0).idempotencyKey().isEmpty();
            boolean isDuplicate = isKeyed && isRecorded(connection, events.get(0));
            String row = "(?, ?, ?, ?, ?, ?" + (isKeyed ? ", ?, ?)" : ")");
            try (PreparedStatement insert = connection.prepareStatement("insert into usagekit.events (id, project_id,"
                    + " event_type, status, raw, created_at" + (isKeyed ? ", idempotency_key, is_duplicate)" : ")")
                    + " values " + row + (", " + row).repeat(events.size() - 1))) {
                int at = 1;
                for (NewEvent event : events) {
                    insert.setString(at++, event.id());
                    insert.setString(at++, event.projectId());
                    insert.setString(at++, event.type());
                    insert.setString(at++, event.status());
                    insert.setString(at++, event.payload().raw());
                    insert.setObject(at++, createdAt(event));
                    if (isKeyed) {
                        insert.setString(at++, event.idempotencyKey());
                        insert.setBoolean(at++, isDuplicate);
                    }
                }
                insert.executeUpdate();
            }
            try (PreparedStatement insert = connection.prepareStatement(
                    "insert into usagekit.events_endpoints (event_id, endpoint_id, project_id, created_at)"
                            + " values (?, ?, ?, ?)" + ", (?, ?, ?, ?)".repeat(endpointsAtOnce - 1))) {
                int at = 1;
                for (NewEvent event : events) {
                    for (String endpoint : event.endpointIds()) {
                        insert.setString(at++, event.id());
                        insert.setString(at++, endpoint);
                        insert.setString(at++, event.projectId());
                        insert.setObject(at++, createdAt(event));
                        if (at > 4 * endpointsAtOnce) {
                            insert.executeUpdate();
                            at = 1;
                        }
                    }
                }
            }
            connection.commit();
            connection.setAutoCommit(true);
        }
    }

    /** Locks an event's key, and returns whether a live event has it. */
    private static boolean isRecorded(Connection connection, NewEvent event) throws SQLException {
        try (PreparedStatement lock =
                connection.prepareStatement("select pg_advisory_xact_lock(hashtextextended(?, 0))")) {
            lock.setString(1, event.projectId() + " " + event.idempotencyKey());
            lock.execute();
        }
        try (PreparedStatement look = connection.prepareStatement("select exists (select from usagekit.events"
                + " where project_id = ? and idempotency_key = ? and idempotency_key <> '' and not is_duplicate"
                + " and deleted_at is null)")) {
            look.setString(1, event.projectId());
            look.setString(2, event.idempotencyKey());
            try (ResultSet row = look.executeQuery()) {
                row.next();
                return row.getBoolean(1);
            }
        }
    }

    private static OffsetDateTime createdAt(NewEvent event) {
        return event.createdAt().orElseThrow().atOffset(ZoneOffset.UTC);
    }

    private static void copy(DataSource pool, List<NewEvent> events) throws Exception {
        StringBuilder rows = new StringBuilder();
        StringBuilder endpoints = new StringBuilder();
        for (NewEvent event : events) {
            rows.append(String.join(
                            "\t",
                            event.id(),
                            event.projectId(),
                            event.type(),
                            event.status(),
                            event.payload().raw(),
                            event.createdAt().orElseThrow().toString()))
                    .append('\n');
            for (String endpoint : event.endpointIds()) {
                endpoints
                        .append(String.join(
                                "\t",
                                event.id(),
                                endpoint,
                                event.projectId(),
                                event.createdAt().orElseThrow().toString()))
                        .append('\n');
            }
        }
        try (Connection connection = pool.getConnection()) {
            connection.setAutoCommit(false);
            CopyManager copying = connection.unwrap(PGConnection.class).getCopyAPI();
            copying.copyIn(
                    "copy usagekit.events (id, project_id, event_type, status, raw, created_at) from stdin",
                    new StringReader(rows.toString()));
            copying.copyIn(
                    "copy usagekit.events_endpoints (event_id, endpoint_id, project_id, created_at) from stdin",
                    new StringReader(endpoints.toString()));
            connection.commit();
            connection.setAutoCommit(true);
        }
    }
}
