package io.usagekit.cli.load;

import io.usagekit.cli.support.Tables;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Optional;

/** Writes events and their deliveries in batches, in the transaction of its connection. Not thread-safe. */
public final class EventWriter {

    private static final int BATCH_OCTETS = 4 << 20;

    /**
     * An event.
     *
     * @param type left out where the table doesn't have it
     * @param raw the body in UTF-8
     * @param data the transformed body; empty if there is none
     */
    @SuppressWarnings("ArrayRecordComponent") // handed from one to the next, never compared
    public record Event(
            String id,
            String projectId,
            String type,
            byte[] raw,
            byte[] data,
            Instant createdAt,
            Optional<Instant> deletedAt) {}

    /** A delivery of an event, which is written before. */
    public record Delivery(String id, Event event, String status, Instant createdAt) {}

    private final boolean hasEventType;
    private final CopyRows events;
    private final CopyRows deliveries;
    private long eventCount;
    private long deliveryCount;
    private long octets;

    public EventWriter(Connection connection, Tables tables) throws SQLException {
        hasEventType = tables.hasEventType(connection);
        events = new CopyRows(
                connection,
                tables.events(),
                "id, project_id, " + (hasEventType ? "event_type, " : "") + "raw, data, created_at, deleted_at");
        deliveries = new CopyRows(connection, tables.deliveries(), "id, project_id, event_id, status, created_at");
    }

    public void write(Event event) {
        events.text(event.id()).text(event.projectId());
        if (hasEventType) {
            events.text(event.type());
        }
        events.text(event.raw()).bytes(event.data()).instant(event.createdAt());
        event.deletedAt().ifPresentOrElse(events::instant, events::nothing);
        events.endRow();
        eventCount++;
        octets += event.raw().length + event.data().length;
    }

    public void write(Delivery delivery) {
        deliveries
                .text(delivery.id())
                .text(delivery.event().projectId())
                .text(delivery.event().id())
                .text(delivery.status())
                .instant(delivery.createdAt())
                .endRow();
        deliveryCount++;
    }

    /** Sends what waits if that is enough for a batch. */
    void flushIfFull() throws SQLException {
        if (events.size() + deliveries.size() >= BATCH_OCTETS) {
            flush();
        }
    }

    /** Sends what waits: events first, since deliveries refer to them. */
    public void flush() throws SQLException {
        events.flush();
        deliveries.flush();
    }

    /** Events written. */
    public long events() {
        return eventCount;
    }

    /** Deliveries written. */
    public long deliveries() {
        return deliveryCount;
    }

    /** Octets of the events' payloads. */
    public long octets() {
        return octets;
    }
}
