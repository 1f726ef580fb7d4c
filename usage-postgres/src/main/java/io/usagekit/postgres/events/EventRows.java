package io.usagekit.postgres.events;

import io.usagekit.events.Delivery;
import io.usagekit.events.Event;
import io.usagekit.events.Payload;
import io.usagekit.postgres.internal.SqlRow;
import java.sql.SQLException;

/** Makes events and deliveries of rows. */
final class EventRows {

    private EventRows() {}

    static Event event(SqlRow row) throws SQLException {
        return new Event(
                row.text("id"),
                row.text("project_id"),
                row.text("event_type"),
                Payload.of(row.text("raw"), row.bytes("data")),
                HeaderJson.read(row.text("headers")),
                row.text("source_id"),
                row.text("idempotency_key"),
                row.flag("is_duplicate"),
                row.text("status"),
                row.number("payload_bytes"),
                row.instant("created_at"),
                row.optionalInstant("deleted_at"),
                row.optionalInstant("acknowledged_at"),
                row.optionalInstant("updated_at"),
                row.text("url_path"),
                row.text("url_query_params"),
                row.text("metadata"));
    }

    static Delivery delivery(SqlRow row) throws SQLException {
        return new Delivery(
                row.text("id"),
                row.text("project_id"),
                row.text("event_id"),
                row.text("endpoint_id"),
                row.text("status"),
                row.instant("created_at"),
                row.text("failure_reason"),
                row.text("metadata"),
                row.optionalInstant("updated_at"));
    }
}
