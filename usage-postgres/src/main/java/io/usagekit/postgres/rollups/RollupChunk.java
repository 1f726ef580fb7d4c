package io.usagekit.postgres.rollups;

import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.TableShape;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Ranges of a step that are near to one another in partitioned tables. A statement over them holds their bounds, for which the planner
 * leaves out most partitions, and looks for the events of their deliveries in the partitions where they are most likely.
 *
 * @param projectId whose ranges these are, as text; empty for those of all projects
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
            "event-of-days", "",
            "event-near-by-id", "",
            "event-elsewhere-by-id", "{or-event-elsewhere}");

    /** Whether the planner can leave out partitions of these tables. */
    static boolean isChunked(TableShape shape) {
        return leavesEventsOut(shape) || shape.partitionsDeliveriesByTime() || shape.partitionsDeliveriesByProject();
    }

    /** Whether the statement over a chunk leaves out partitions that may hold an event of its deliveries. */
    static boolean leavesEventsOut(TableShape shape) {
        return shape.partitionsEventsByTime() || shape.partitionsEventsByProject();
    }

    /** Reads the chunks of the ranges. */
    static List<RollupChunk> of(Connection connection, RollupSql sql) throws SQLException {
        boolean byProject =
                sql.shape().partitionsEventsByProject() || sql.shape().partitionsDeliveriesByProject();
        return sql.call(connection, "chunks", Map.of("by-project", Boolean.toString(byProject)))
                .list(row -> new RollupChunk(
                        row.optionalText("project_id"),
                        Map.of(
                                "lower", row.text("lower"),
                                "upper", row.text("upper"),
                                "near_lower", row.text("near_lower"),
                                "near_upper", row.text("near_upper"))));
    }

    /** Returns a call of a statement over this chunk. */
    SqlCall call(Connection connection, RollupSql sql, String statement) {
        SqlCall call = sql.call(connection, statement, fragments(sql.shape())).texts(bounds);
        projectId.ifPresent(id -> call.text("project_id", id));
        return call;
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
