package io.usagekit.postgres.rollups;

import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.SqlRow;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.internal.times.FilledTime;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A part of the rows: in partitioned tables ranges of a step that are near to one another, or all rows of a time. A statement over them holds
 * their bounds, for which the planner leaves out most partitions, and looks for the events of their deliveries in the partitions where they are
 * most likely.
 *
 * @param projectId whose rows these are, as text; empty for those of all projects
 * @param bounds values of the statement's parameters by their names
 */
record RollupChunk(Optional<String> projectId, Map<String, String> bounds) {

    /** The fragments of a statement over all ranges of tables that aren't partitioned. */
    static final Map<String, String> WHOLE = Map.of(
            "span-in-chunk", "true",
            "events-in-chunk", "",
            "deliveries-in-chunk", "",
            "event-of-delivery", "{event-by-id}");

    /** The fragments of a statement over all ranges that finds an event in whatever partition, and that of most deliveries in one. */
    static final Map<String, String> EVERYWHERE = Map.of(
            "span-in-chunk", "true",
            "events-in-chunk", "",
            "deliveries-in-chunk", "",
            "event-of-delivery", "{event-by-id-and-place}",
            "event-of-same-project", "",
            "event-beside", "{event-beside-delivery}",
            "event-beside-chunk", "",
            "event-near-by-id", "",
            "event-elsewhere-by-id", "{or-event-elsewhere}");

    /** The fragments of the statements of retention over the rows of a project. */
    static final Map<String, String> RETENTION_OF_PROJECT = Map.of(
            "deliveries-of-part", "{deliveries-of-one-project}",
            "events-of-part", "{events-of-one-project}",
            "events-filled", "",
            "deliveries-filled", "");

    /** Whether the planner can leave out partitions of these tables. */
    static boolean isChunked(TableShape shape) {
        return leavesEventsOut(shape) || shape.partitionsDeliveriesByTime() || shape.partitionsDeliveriesByProject();
    }

    /** Whether the statement over a chunk leaves out partitions that may hold an event of its deliveries. */
    static boolean leavesEventsOut(TableShape shape) {
        return shape.partitionsEventsByTime() || shape.partitionsEventsByProject();
    }

    /**
     * Reads the chunks of the ranges.
     *
     * @param filled the time in which all of their rows are, in the connection's snapshot
     */
    static List<RollupChunk> of(Connection connection, RollupSql sql, FilledTime filled) throws SQLException {
        boolean byProject =
                sql.shape().partitionsEventsByProject() || sql.shape().partitionsDeliveriesByProject();
        return sql.call(connection, "chunks", Map.of("by-project", Boolean.toString(byProject)))
                .text("filled_lower", filled.lower())
                .text("filled_upper", filled.upper())
                .list(row -> {
                    Map<String, String> bounds = new HashMap<>(bounds(row));
                    bounds.put("lower", row.text("lower"));
                    bounds.put("upper", row.text("upper"));
                    bounds.put("beside_lower", row.text("beside_lower"));
                    bounds.put("beside_upper", row.text("beside_upper"));
                    return new RollupChunk(row.optionalText("project_id"), Map.copyOf(bounds));
                });
    }

    /**
     * Chooses ranges of the newest history, and returns between which all of their rows are. They reach down to the next partitions with rows,
     * since there is nothing to roll between.
     *
     * @param filled the times of all rows of the history, from the newest to the oldest
     * @param rows about as many events and as many deliveries
     */
    static FilledTime chooseHistory(Connection connection, RollupSql sql, List<FilledTime> filled, long rows)
            throws SQLException {
        FilledTime newest = filled.isEmpty() ? FilledTime.NONE : filled.get(0);
        String lower = filled.size() < 2 ? FilledTime.FIRST : filled.get(1).upper();
        sql.call(connection, "choose-history", inTime(sql.shape()))
                .number("rows", rows)
                .text("history_lower", lower)
                .texts(newest.bounds())
                .update();
        return newest;
    }

    /**
     * Sums up the rows of ranges, looking for events in the partitions where they are most likely; of all ranges once more if there are
     * others elsewhere.
     *
     * @param chunks of these ranges; none if the tables aren't partitioned
     * @return the only chunk, if the events of all of its deliveries were found, so that only partitions of its time and of these events were read; else
     *     empty
     */
    static Optional<RollupChunk> roll(Connection connection, RollupSql sql, List<RollupChunk> chunks)
            throws SQLException {
        if (!isChunked(sql.shape())) {
            sql.call(connection, "roll", WHOLE).update();
            return Optional.empty();
        }
        for (RollupChunk chunk : chunks) {
            chunk.call(connection, sql, "roll", Map.of()).update();
        }
        if (leavesEventsOut(sql.shape()) && sql.call(connection, "has-orphans").answer()) {
            if (sql.call(connection, "are-events-elsewhere").answer()) {
                sql.call(connection, "delete-sums").update();
                sql.call(connection, "delete-orphans").update();
                sql.call(connection, "roll", EVERYWHERE).update();
            }
            return Optional.empty();
        }
        return chunks.size() == 1 ? Optional.of(chunks.get(0)) : Optional.empty();
    }

    /**
     * Refuses to commit a transaction that has read a partition which another session had rewritten or emptied between its snapshot and the lock on
     * the partition: the rows are invisible in the snapshot.
     *
     * @param only the chunk that it has read, as {@link #roll} returns it; empty if it may have read other rows
     * @throws SQLException then; a write conflict
     */
    static void checkNotRewritten(Connection connection, RollupSql sql, Optional<RollupChunk> only)
            throws SQLException {
        if (!isChunked(sql.shape())) {
            return;
        }
        SqlCall areRewritten = only.filter(chunk -> sql.shape().isPartitionedByTimeAlone())
                .map(chunk -> chunk.call(connection, sql, "are-partitions-of-chunk-rewritten"))
                .orElseGet(() -> sql.call(connection, "are-tables-rewritten"));
        if (areRewritten.answer()) {
            throw SqlErrors.writeConflict("a partition was rewritten or emptied after the transaction's snapshot");
        }
    }

    /**
     * Reads the time of a chunk that consists of all hours of projects in it, and not of ranges.
     *
     * @param only the only project; empty if there are several
     * @param projectIds the projects, an array as text
     */
    static RollupChunk of(Optional<String> only, String projectIds, SqlRow row) throws SQLException {
        return new RollupChunk(only, RollupSql.with(bounds(row), Map.of("project_ids", projectIds)));
    }

    private static Map<String, String> bounds(SqlRow row) throws SQLException {
        return Map.of(
                "rows_lower", row.text("rows_lower"),
                "rows_upper", row.text("rows_upper"),
                "near_lower", row.text("near_lower"),
                "near_upper", row.text("near_upper"));
    }

    /** Before which all rows of this chunk are, as text. */
    String rowsUpper() {
        return String.valueOf(bounds.get("rows_upper"));
    }

    /** All rows of a project. */
    static RollupChunk ofRowsOf(String projectId) {
        return new RollupChunk(Optional.of(projectId), Map.of());
    }

    /** All rows of a time. */
    static RollupChunk ofTime(FilledTime time) {
        return new RollupChunk(Optional.empty(), time.bounds());
    }

    /** The fragments of a statement over the rows of a time, whose bounds are the parameters {@code rows_lower} and {@code rows_upper}. */
    static Map<String, String> inTime(TableShape shape) {
        return Map.of(
                "events-in-chunk", shape.partitionsEventsByTime() ? "{event-of-chunk}" : "",
                "deliveries-in-chunk", shape.partitionsDeliveriesByTime() ? "{delivery-of-chunk}" : "");
    }

    /**
     * Returns the fragments of the statements of retention over this chunk, all rows of a project or of a time.
     *
     * @param isBounded whether all rows lie between two finite times; elsewhere there may be rows with infinite times, or with none
     */
    Map<String, String> retention(TableShape shape, boolean isBounded) {
        return projectId.isPresent()
                ? RETENTION_OF_PROJECT
                : RollupSql.with(
                        inTime(shape),
                        Map.of(
                                "deliveries-of-part",
                                "{deliveries-of-any-project}",
                                "events-of-part",
                                "{events-of-any-project}",
                                "events-filled",
                                isBounded && shape.partitionsEventsByTime() ? "{event-is-filled}" : "",
                                "deliveries-filled",
                                isBounded && shape.partitionsDeliveriesByTime() ? "{delivery-is-filled}" : ""));
    }

    /** Returns the parameters of statements over this chunk. */
    Map<String, String> parameters() {
        Map<String, String> all = new HashMap<>(bounds);
        projectId.ifPresent(id -> all.put("project_id", id));
        return all;
    }

    /** Whether the rows of all projects belong to it. */
    boolean isOfTime() {
        return projectId.isEmpty();
    }

    /** Returns what this chunk is, for messages. */
    String inWords() {
        return projectId
                .map(id -> "the project " + id)
                .orElseGet(() -> "the time from " + bounds.get("rows_lower") + " to " + bounds.get("rows_upper"));
    }

    /** Returns a call of a statement over this chunk. */
    SqlCall call(Connection connection, RollupSql sql, String statement) {
        return call(connection, sql, statement, Map.of());
    }

    /** Returns a call of a statement over this chunk with further fragments. */
    SqlCall call(Connection connection, RollupSql sql, String statement, Map<String, String> more) {
        return sql.call(connection, statement, RollupSql.with(fragments(sql.shape()), more))
                .texts(parameters());
    }

    /** Returns the condition of events in the partitions where those of this chunk's deliveries are most likely. */
    String eventsNear(TableShape shape) {
        return (shape.partitionsEventsByTime() ? "{event-of-days}" : "")
                + (shape.partitionsEventsByProject() ? ofProject(" {event-of-project}") : "");
    }

    /** Returns the fragments of a statement over this chunk. */
    Map<String, String> fragments(TableShape shape) {
        boolean isByTime = shape.partitionsEventsByTime();
        boolean isByProject = shape.partitionsEventsByProject();
        return Map.of(
                "span-in-chunk",
                "{span-of-chunk}" + ofProject(" {span-of-project}"),
                "events-in-chunk",
                (isByTime ? "{event-of-chunk}" : "") + (isByProject ? ofProject(" {event-of-project}") : ""),
                "deliveries-in-chunk",
                (shape.partitionsDeliveriesByTime() ? "{delivery-of-chunk}" : "")
                        + (shape.partitionsDeliveriesByProject() ? ofProject(" {delivery-of-project}") : ""),
                "event-of-delivery",
                leavesEventsOut(shape) ? "{event-by-id-and-place}" : "{event-by-id}",
                "event-of-same-project",
                isByProject ? "{event-of-span}" + ofProject(" {event-of-project}") : "",
                "event-beside",
                isByTime ? "{event-beside-delivery}" : "",
                "event-near-by-id",
                isByTime ? "{or-event-of-days}" : "",
                "event-elsewhere-by-id",
                "");
    }

    private String ofProject(String fragment) {
        return projectId.isPresent() ? fragment : "";
    }
}
