package io.usagekit.postgres.internal.times;

import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlFiles;
import io.usagekit.postgres.internal.SqlStatements;
import io.usagekit.postgres.internal.TableShape;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import java.util.Map;

/**
 * A time in which partitions have rows, half-open, of whole hours. Work that walks through all rows goes from one such time to the next: a
 * statement that holds its bounds is planned for few partitions, and those without rows are passed over.
 *
 * <p>All times are texts of PostgreSQL's, which may be infinite.
 *
 * @param nearLower from when on the events of its deliveries are looked up first
 * @param nearUpper until when they are
 */
public record FilledTime(String lower, String upper, String nearLower, String nearUpper) {

    /** A time before all rows. */
    public static final String FIRST = "-infinity";

    /** A time after all rows. */
    public static final String LAST = "infinity";

    /** All time. */
    public static final FilledTime ANY = until(LAST);

    /** No time. */
    public static final FilledTime NONE = until(FIRST);

    /**
     * How many partitions a time has at most, of both tables together: a month of daily ones. Planning takes about as long as reading some
     * hundred rows of each.
     */
    private static final long PARTITIONS = 64;

    private static final SqlStatements STATEMENTS = SqlStatements.of(SqlFiles.of("filled-times.sql"), Map.of());

    /** Whether one of the tables is partitioned by time, so that there are several such times. */
    public static boolean isByTime(TableShape shape) {
        return shape.partitionsEventsByTime() || shape.partitionsDeliveriesByTime();
    }

    /**
     * Finds the times in which all rows are that were created before a time and that the transaction's snapshot, or those of later statements
     * if it has several, contains; {@link #ANY} up to then if the tables aren't partitioned by time. Rows that others commit later may be
     * elsewhere.
     *
     * @param before a text of PostgreSQL's
     * @return from the newest to the oldest
     */
    public static List<FilledTime> before(Connection connection, TableShape shape, String before) throws SQLException {
        return isByTime(shape) ? read(call(connection, shape).text("before", before)) : List.of(until(before));
    }

    /**
     * Returns a digest of the partitions that have rows: as long as it is the same, all rows are in the times that were found after it was read
     * first. It takes a fraction of the time.
     */
    static String digest(Connection connection, TableShape shape) throws SQLException {
        return ofTables(connection, shape, "filled-digest").one(row -> row.text("digest"));
    }

    /** Returns what is before a time of the times that were found for all time. */
    static List<FilledTime> before(Connection connection, List<FilledTime> all, String before) throws SQLException {
        return read(SqlCall.of(connection, STATEMENTS.template("known-times"))
                .texts("lowers", all.stream().map(FilledTime::lower).toList())
                .texts("uppers", all.stream().map(FilledTime::upper).toList())
                .text("before", before));
    }

    private static SqlCall call(Connection connection, TableShape shape) {
        TableMapping mapping = shape.mapping();
        return ofTables(connection, shape, "filled-times")
                .text("event_created_at", mapping.eventCreatedAt())
                .text("delivery_created_at", mapping.deliveryCreatedAt())
                .number("partitions", PARTITIONS);
    }

    private static SqlCall ofTables(Connection connection, TableShape shape, String statement) {
        TableMapping mapping = shape.mapping();
        return SqlCall.of(connection, STATEMENTS.template(statement))
                .text("events", Identifiers.qualified(mapping.schema(), mapping.events()))
                .text("deliveries", Identifiers.qualified(mapping.schema(), mapping.deliveries()));
    }

    private static List<FilledTime> read(SqlCall call) throws SQLException {
        return call.list(row ->
                new FilledTime(row.text("lower"), row.text("upper"), row.text("near_lower"), row.text("near_upper")));
    }

    private static FilledTime until(String upper) {
        return new FilledTime(FIRST, upper, FIRST, LAST);
    }

    /** Returns the parameters of statements over the rows of this time. */
    public Map<String, String> bounds() {
        return Map.of("rows_lower", lower, "rows_upper", upper, "near_lower", nearLower, "near_upper", nearUpper);
    }

    /** Returns the parameters of statements over the rows of all times, from the newest to the oldest. */
    public static Map<String, String> around(List<FilledTime> times) {
        return times.isEmpty()
                ? Map.of("filled_lower", FIRST, "filled_upper", FIRST)
                : Map.of(
                        "filled_lower",
                        times.get(times.size() - 1).lower(),
                        "filled_upper",
                        times.get(0).upper());
    }
}
