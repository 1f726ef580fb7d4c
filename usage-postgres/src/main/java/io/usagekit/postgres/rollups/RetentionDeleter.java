package io.usagekit.postgres.rollups;

import io.usagekit.UsageCalculationException;
import io.usagekit.postgres.internal.AdaptiveBatchSize;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlTemplate;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import javax.sql.DataSource;

/**
 * Deletes old rows and keeps their sums. Not thread-safe.
 *
 * <p>Why no snapshot ever sees another figure: a batch is one transaction in which one statement deletes rows and adds to the sums
 * kept what those rows counted; and nothing that this depends on changes before it is committed, or else it fails and is tried
 * again. To the roll-ups it is a transaction of the host's like any other: triggers mark the hours.
 */
final class RetentionDeleter {

    /**
     * How gently it goes.
     *
     * @param rows in the first batch
     * @param mostRows in any batch; it is as many as can be done within {@code budget}
     * @param lockTimeout how long a batch waits for somebody's row before it is tried again. Together with the budget less than
     *     PostgreSQL's {@code deadlock_timeout}, so that of a host's transaction and a batch that wait for each other the batch
     *     gives way
     * @param patience for how long it is tried again
     */
    record Pace(long rows, long mostRows, Duration budget, Duration lockTimeout, Duration patience) {

        static final Pace DEFAULT =
                new Pace(1_000, 10_000, Duration.ofMillis(500), Duration.ofMillis(100), Duration.ofMinutes(1));

        /** For tests: with batches of one size. */
        static Pace batchesOf(long rows) {
            return new Pace(rows, rows, DEFAULT.budget, DEFAULT.lockTimeout, DEFAULT.patience);
        }
    }

    /** For a batch; one that takes longer is tried at half its size. */
    private static final Duration TIMEOUT = Duration.ofMinutes(1);

    private static final String FOREIGN_KEY_VIOLATION = "23503";
    private static final int FOREIGN_KEY_ATTEMPTS = 3;

    /** serialization_failure, deadlock_detected, lock_not_available; and a delivery that has come for an event that had none. */
    private static final Set<String> AGAIN = Set.of("40001", "40P01", "55P03", FOREIGN_KEY_VIOLATION);

    private final DataSource dataSource;
    private final RollupSql sql;
    private final RetentionProgress listener;
    private final Pace pace;
    private final AdaptiveBatchSize deliveryRows;
    private final AdaptiveBatchSize eventRows;

    private long deliveries;
    private long events;
    private long keptEvents;

    RetentionDeleter(DataSource dataSource, RollupSql sql, RetentionProgress listener, Pace pace) {
        this.dataSource = dataSource;
        this.sql = sql;
        this.listener = listener;
        this.pace = pace;
        this.deliveryRows = new AdaptiveBatchSize(1, pace.rows(), pace.mostRows());
        this.eventRows = new AdaptiveBatchSize(1, pace.rows(), pace.mostRows());
    }

    /**
     * Deletes.
     *
     * @throws UsageCalculationException as {@link PostgresRollups#deleteBefore}
     */
    RetentionResult deleteBefore(Instant before) {
        try {
            return deleteAll(before);
        } catch (SQLException e) {
            throw explain(sql.schema(), deliveries, events, e);
        }
    }

    private RetentionResult deleteAll(Instant before) throws SQLException {
        List<String> ofDeliveries = projects("rollups-delivery-projects.sql");
        List<String> ofEvents = projects("rollups-event-projects.sql");
        listener.began((long) ofDeliveries.size() + ofEvents.size());
        for (String project : ofDeliveries) {
            deleteDeliveries(project, before);
            listener.partDone();
        }
        for (String project : ofEvents) {
            deleteEvents(project, before);
            listener.partDone();
        }
        return new RetentionResult(deliveries, events, keptEvents);
    }

    private List<String> projects(String resource) throws SQLException {
        return Jdbc.run(dataSource, Jdbc.Mode.READ_ONLY, TIMEOUT, connection -> {
            List<String> projects = new ArrayList<>();
            try (PreparedStatement statement = sql.statement(resource).prepare(connection, Map.of());
                    ResultSet row = statement.executeQuery()) {
                while (row.next()) {
                    projects.add(row.getString("project_id"));
                }
            }
            return projects;
        });
    }

    private void deleteDeliveries(String project, Instant before) throws SQLException {
        Batch batch;
        do {
            batch = batch(
                    deliveryRows,
                    Jdbc.Mode.WRITE_SNAPSHOT,
                    (connection, rows) -> deleteDeliveries(
                            connection, Map.of("project_id", project, "before", before, "rows", Long.toString(rows))));
            if (batch.deliveries() < batch.lookedAt()) {
                throw new UsageCalculationException(
                        (batch.lookedAt() - batch.deliveries()) + " of " + batch.lookedAt()
                                + " old deliveries of the project " + project + " weren't deleted from "
                                + sql.names().get("deliveries") + ": a trigger, a rule or a policy keeps them",
                        null);
            }
        } while (!batch.isLast());
    }

    private Batch deleteDeliveries(Connection connection, Map<String, ?> values) throws SQLException {
        try (PreparedStatement statement =
                        sql.statement("rollups-delete-deliveries.sql").prepare(connection, values);
                ResultSet row = statement.executeQuery()) {
            row.next();
            long rows = Long.parseLong(String.valueOf(values.get("rows")));
            return new Batch(rows, row.getLong("looked_at"), row.getLong("deleted"), 0);
        }
    }

    private void deleteEvents(String project, Instant before) throws SQLException {
        long kept = 0;
        Batch batch;
        do {
            String passedOver = Long.toString(kept);
            batch = batch(
                    eventRows,
                    Jdbc.Mode.WRITE,
                    (connection, rows) -> deleteEvents(
                            connection,
                            Map.of(
                                    "project_id",
                                    project,
                                    "before",
                                    before,
                                    "kept",
                                    passedOver,
                                    "rows",
                                    Long.toString(rows))));
            kept += batch.lookedAt() - batch.events();
        } while (!batch.isLast());
        keptEvents += kept;
    }

    /**
     * A step of the roll-ups, too, so that an event that goes leaves no note for its deliveries' sake.
     *
     * <p>In READ COMMITTED: what is kept is what one statement deletes. Whether a delivery has come since is asked for each event as
     * it goes, by the foreign key or by the triggers that stand in for it, which in REPEATABLE READ would see no further than the
     * batch.
     */
    private Batch deleteEvents(Connection connection, Map<String, ?> values) throws SQLException {
        execute(connection, "rollups-lock-tables.sql", Map.of());
        execute(connection, "rollups-begin-step.sql", Map.of());
        long undelivered;
        try (PreparedStatement statement =
                sql.statement("rollups-delete-undelivered.sql").prepare(connection, values)) {
            undelivered = statement.executeLargeUpdate();
        }
        try (PreparedStatement statement =
                        sql.statement("rollups-delete-events.sql").prepare(connection, values);
                ResultSet row = statement.executeQuery()) {
            row.next();
            long rows = Long.parseLong(String.valueOf(values.get("rows")));
            return new Batch(rows, row.getLong("looked_at"), undelivered, row.getLong("deleted"));
        }
    }

    private void execute(Connection connection, String resource, Map<String, ?> values) throws SQLException {
        SqlTemplate template = sql.statement(resource);
        try (PreparedStatement statement = template.prepare(connection, values)) {
            statement.execute();
        }
    }

    /**
     * What was committed.
     *
     * @param rows how many were asked for
     */
    private record Batch(long rows, long lookedAt, long deliveries, long events) {
        boolean isLast() {
            return lookedAt < rows;
        }
    }

    @FunctionalInterface
    private interface Work {
        Batch run(Connection connection, long rows) throws SQLException;
    }

    private Batch batch(AdaptiveBatchSize size, Jdbc.Mode mode, Work work) throws SQLException {
        Batch batch = size.run(
                pace.budget(),
                rows -> retried(mode, connection -> {
                    execute(
                            connection,
                            "rollups-lock-timeout.sql",
                            Map.of("millis", Long.toString(pace.lockTimeout().toMillis())));
                    return work.run(connection, rows);
                }));
        deliveries += batch.deliveries();
        events += batch.events();
        if (batch.deliveries() + batch.events() > 0) {
            listener.deleted(batch.deliveries(), batch.events());
        }
        return batch;
    }

    private Batch retried(Jdbc.Mode mode, Jdbc.Work<Batch> work) throws SQLException {
        long deadline = System.nanoTime() + pace.patience().toNanos();
        int violations = 0;
        while (true) {
            try {
                return Jdbc.run(dataSource, mode, TIMEOUT, work);
            } catch (SQLException e) {
                String state = String.valueOf(e.getSQLState());
                violations += state.equals(FOREIGN_KEY_VIOLATION) ? 1 : 0;
                if (!AGAIN.contains(state) || violations == FOREIGN_KEY_ATTEMPTS || System.nanoTime() > deadline) {
                    throw e;
                }
            }
        }
    }

    /** Why it can't go on. */
    static UsageCalculationException explain(String schema, long deliveries, long events, SQLException e) {
        return new UsageCalculationException(
                "the retention of the roll-ups in the schema " + Identifiers.quote(schema) + " ended after "
                        + deliveries + " deliveries and " + events + " events, whose sums are kept: " + e.getMessage(),
                e);
    }
}
