package io.usagekit.postgres.rows;

import io.usagekit.UsageMetrics;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlRow;
import java.sql.SQLException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Function;

/**
 * One side of a figure, received or sent, and its rows.
 *
 * @param name in the names of statements and of columns of retained sums
 * @param order the columns by which rows are ordered
 * @param reader makes a row
 * @param position the row's place in the order
 * @param bytes its octets, if they are known
 * @param figure this side of a figure
 * @param columns the columns of an export
 * @param values the values of a row in an export, in the order of the columns
 */
record RowKind<T>(
        String name,
        RowOrder order,
        SqlCall.Reader<T> reader,
        Function<T, Scan.Position> position,
        Function<T, OptionalLong> bytes,
        Function<CombinedQuery.Totals, UsageMetrics> figure,
        List<String> columns,
        Function<T, List<Optional<?>>> values) {

    /** The columns by which rows are ordered, as statements write them. */
    record RowOrder(String time, String id) {}

    static final RowKind<ReceivedRow> RECEIVED = new RowKind<>(
            "received",
            new RowOrder("e.{event.created_at}", "coalesce(e.{event.id}::text, '') collate \"C\""),
            row -> new ReceivedRow(row.text("id"), row.text("project_id"), row.instant("created_at"), bytesOf(row)),
            row -> new Scan.Position(row.createdAt(), row.eventId()),
            ReceivedRow::bytes,
            CombinedQuery.Totals::received,
            List.of("created_at", "event_id", "project_id", "bytes"),
            row -> List.of(
                    Optional.of(row.createdAt().toString()),
                    Optional.of(row.eventId()),
                    Optional.of(row.projectId()),
                    boxed(row.bytes())));

    static final RowKind<SentRow> SENT = new RowKind<>(
            "sent",
            new RowOrder("d.{delivery.created_at}", "coalesce(d.{delivery.id}::text, '') collate \"C\""),
            row -> new SentRow(
                    row.text("id"),
                    row.text("project_id"),
                    row.optionalText("event_id"),
                    row.instant("created_at"),
                    bytesOf(row)),
            row -> new Scan.Position(row.createdAt(), row.deliveryId()),
            SentRow::bytes,
            CombinedQuery.Totals::sent,
            List.of("created_at", "delivery_id", "event_id", "project_id", "bytes"),
            row -> List.of(
                    Optional.of(row.createdAt().toString()),
                    Optional.of(row.deliveryId()),
                    row.eventId(),
                    Optional.of(row.projectId()),
                    boxed(row.bytes())));

    private static OptionalLong bytesOf(SqlRow row) throws SQLException {
        return row.flag("measured") ? OptionalLong.of(row.number("bytes")) : OptionalLong.empty();
    }

    private static Optional<Long> boxed(OptionalLong bytes) {
        return bytes.isPresent() ? Optional.of(bytes.getAsLong()) : Optional.empty();
    }
}
