package io.usagekit.postgres.events;

import io.usagekit.events.Delivery;
import io.usagekit.events.Duplicates;
import io.usagekit.events.Event;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.Headers;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.RecordingResult;
import io.usagekit.events.spi.UnrecordedEvents;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.SqlRow;
import io.usagekit.postgres.internal.driver.DriverTime;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.stream.Collectors;

/** Records events and deliveries, many rows a statement and all of a call in one transaction. */
final class EventRecorder {

    private static final String FAILURE = "the events can't be recorded";
    private static final int MOST_DEADLOCKS = 3;

    private final LedgerTransactions transactions;
    private final LedgerSql sql;
    private final Duplicates duplicates;
    private final InstantSource clock;
    private final UniqueIds eventIds;
    private final UniqueIds deliveryIds;
    private final LookUps events;

    EventRecorder(LedgerTransactions transactions, LedgerSql sql, Duplicates duplicates, InstantSource clock) {
        this.transactions = transactions;
        this.sql = sql;
        this.duplicates = duplicates;
        this.clock = clock;
        eventIds = new UniqueIds(transactions, sql, IdTable.EVENTS);
        deliveryIds = new UniqueIds(transactions, sql, IdTable.DELIVERIES);
        events = new LookUps(sql, IdTable.EVENTS);
    }

    List<Event> recordEvents(List<NewEvent> events) {
        if (events.isEmpty()) {
            return List.of();
        }
        Instant now = clock.instant();
        if (events.size() == 1) {
            Optional<Event> recorded = recordSingle(events.get(0), now);
            if (recorded.isPresent()) {
                return List.of(recorded.get());
            }
        }
        List<NewEvent> keyed = keyed(events);
        Jdbc.Work<List<Event>> work = connection -> record(connection, events, keyed, now);
        // Another transaction that held a key's lock has committed an event with it: only a younger snapshot sees that.
        return keyed.isEmpty()
                ? transactions.run(Jdbc.Mode.WRITE_LOOK_UPS, FAILURE, work)
                : transactions.runIsolated(Jdbc.Mode.WRITE_LOOK_UPS, FAILURE, work);
    }

    /**
     * Records those of some events that aren't recorded yet. An id that another transaction commits between the look and the insertion is a
     * unique violation, after which all begins again: the next look finds it. It isn't one of an id if the next look finds the same ids. All
     * begins again, too, a few times, where PostgreSQL ends a deadlock with another transaction: in partitioned tables, a list whose batches
     * have inserted ids may wait for one that has inserted endpoints of a later batch.
     */
    RecordingResult recordNewEvents(List<NewEvent> events) {
        if (events.isEmpty()) {
            return new RecordingResult(List.of(), List.of());
        }
        Instant now = clock.instant();
        Optional<Map<String, String>> before = Optional.empty();
        int deadlocks = 0;
        while (true) {
            Map<String, String> found = new HashMap<>();
            try {
                return transactions.runIsolated(
                        Jdbc.Mode.WRITE_LOOK_UPS, FAILURE, connection -> recordNew(connection, events, now, found));
            } catch (EventLedgerException e) {
                if (isDeadlock(e) && deadlocks < MOST_DEADLOCKS) {
                    deadlocks++;
                    continue;
                }
                if (!isUniqueViolation(e) || before.equals(Optional.of(found))) {
                    throw e;
                }
                before = Optional.of(found);
            }
        }
    }

    /** Records those that aren't recorded yet. Adds to found the project of each event that is recorded, by the event's id. */
    private RecordingResult recordNew(
            Connection connection, List<NewEvent> events, Instant now, Map<String, String> found) throws SQLException {
        sql.call(connection, LedgerStatement.FIND_RECORDED_IDS)
                .texts("ids", each(events, NewEvent::id))
                .text("table", sql.quoted("events").get(0))
                .forEach(row -> found.put(row.text("id"), row.text("project_id")));
        UnrecordedEvents unrecorded = UnrecordedEvents.of(events, found);
        List<Event> recorded = record(connection, unrecorded.events(), keyed(unrecorded.events()), now);
        return new RecordingResult(recorded, unrecorded.recordedAlready());
    }

    private static boolean isDeadlock(EventLedgerException e) {
        return e.getCause() instanceof SQLException cause && SqlErrors.isDeadlock(cause);
    }

    private static boolean isUniqueViolation(EventLedgerException e) {
        return e.getCause() instanceof SQLException cause && SqlErrors.isUniqueViolation(cause);
    }

    /** Records events in the order of their ids: of two calls with some of the same ids, one waits for the other, and not each for the other. */
    private List<Event> record(Connection connection, List<NewEvent> events, List<NewEvent> keyed, Instant now)
            throws SQLException {
        LedgerStatement insert = insert(connection, keyed);
        Set<NewEvent> repeats = repeats(keyed);
        List<NewEvent> sorted =
                events.stream().sorted(Comparator.comparing(NewEvent::id)).toList();
        Map<String, Event> recorded = new HashMap<>();
        boolean haveUncheckedIds = false;
        for (List<NewEvent> some : RecordingBatches.ofEvents(sorted)) {
            haveUncheckedIds |= insert(connection, insert, some, now, repeats, recorded);
        }
        if (haveUncheckedIds) {
            eventIds.require(connection, each(events, NewEvent::id));
        }
        return events.stream()
                .map(event -> Objects.requireNonNull(recorded.get(event.id())))
                .toList();
    }

    private static List<NewEvent> keyed(List<NewEvent> events) {
        return events.stream()
                .filter(event -> !event.idempotencyKey().isEmpty())
                .toList();
    }

    /** The events with a key that an earlier one of them has. */
    private static Set<NewEvent> repeats(List<NewEvent> keyed) {
        Set<Key> keys = new HashSet<>();
        return keyed.stream().filter(event -> !keys.add(Key.of(event))).collect(Collectors.toSet());
    }

    /** The statement that records events step by step; locks the keys of those that have some. */
    private LedgerStatement insert(Connection connection, List<NewEvent> keyed) throws SQLException {
        if (keyed.isEmpty()) {
            return LedgerStatement.INSERT_EVENTS;
        }
        return lockKeys(connection, keyed)
                ? LedgerStatement.INSERT_KEYED_EVENTS_INTO_PARTITIONS
                : LedgerStatement.INSERT_KEYED_EVENTS;
    }

    /**
     * Records an event by one statement, before which another one locks its key if it has one. Empty, and nothing is recorded, if it takes more: to look
     * for its id in other partitions, to replace endpoints that an event left behind, or to say that its id is taken.
     */
    private Optional<Event> recordSingle(NewEvent event, Instant now) {
        try {
            return transactions.single(
                    FAILURE,
                    connection -> event.idempotencyKey().isEmpty()
                            ? insertOne(connection, LedgerStatement.INSERT_EVENT, event, now)
                            : insertOne(connection, LedgerStatement.INSERT_KEYED_EVENT, event, now)
                                    .after(lockKey(connection, event)),
                    row -> recorded(event, row));
        } catch (EventLedgerException e) {
            if (isUniqueViolation(e)) {
                return Optional.empty();
            }
            throw e;
        }
    }

    /** The lock of an event's key: the snapshot of the next statement has what others have recorded with it. */
    private SqlCall lockKey(Connection connection, NewEvent event) throws SQLException {
        transactions.requireSnapshots(Jdbc.Mode.WRITE_LOOK_UPS);
        return sql.call(connection, LedgerStatement.LOCK_KEY)
                .text("project_id", event.projectId())
                .text("idempotency_key", event.idempotencyKey());
    }

    /** Locks the keys of events; returns whether the table of events is partitioned. */
    private boolean lockKeys(Connection connection, List<NewEvent> keyed) throws SQLException {
        return sql.call(connection, LedgerStatement.LOCK_KEYS)
                .texts("project_ids", each(keyed, NewEvent::projectId))
                .texts("idempotency_keys", each(keyed, NewEvent::idempotencyKey))
                .text("table", sql.quoted("events").get(0))
                .list(row -> row.flag("is_partitioned"))
                .contains(true);
    }

    /** A key of a project. */
    private record Key(String projectId, String idempotencyKey) {

        static Key of(NewEvent event) {
            return new Key(event.projectId(), event.idempotencyKey());
        }
    }

    /** Inserts events and their endpoints, and adds the events to what is recorded; returns whether their ids are still to be checked. */
    private boolean insert(
            Connection connection,
            LedgerStatement insert,
            List<NewEvent> events,
            Instant now,
            Set<NewEvent> repeats,
            Map<String, Event> recorded)
            throws SQLException {
        Map<String, NewEvent> byId = new HashMap<>();
        events.forEach(event -> byId.put(event.id(), event));
        Set<Boolean> haveUncheckedIds = new HashSet<>();
        Map<String, String> projectIds = new HashMap<>(); // a host's trigger may have changed them
        boolean haveOldEndpoints = bindAll(sql.call(connection, insert), events, now, repeats)
                .flag("unbilled", duplicates == Duplicates.UNBILLED)
                .text("table", sql.quoted("events").get(0))
                .list(row -> {
                    NewEvent event = byId.get(row.text("id"));
                    if (event == null) {
                        throw new SQLException("a trigger has changed the event's id to " + row.text("id"));
                    }
                    recorded.put(event.id(), recorded(event, row));
                    projectIds.put(event.id(), row.text("project_id"));
                    haveUncheckedIds.add(row.flag("has_unchecked_id"));
                    return row.flag("has_old_endpoints");
                })
                .contains(true);
        if (haveOldEndpoints) {
            for (NewEvent event : events) {
                String id = event.id();
                replaceEndpoints(
                        connection,
                        Objects.requireNonNull(projectIds.get(id)),
                        id,
                        Objects.requireNonNull(recorded.get(id)).createdAt(),
                        event.endpointIds());
            }
        }
        return haveUncheckedIds.contains(true);
    }

    private SqlCall insertOne(Connection connection, LedgerStatement insert, NewEvent event, Instant now) {
        return sql.call(connection, insert)
                .text("id", event.id())
                .text("project_id", event.projectId())
                .text("event_type", event.type())
                .text("raw", event.payload().raw())
                .bytes("data", event.payload().data())
                .text("source_id", event.sourceId())
                .text("idempotency_key", event.idempotencyKey())
                .text("status", event.status())
                .text("headers", Headers.toJson(event.headerValues()))
                .instant("created_at", event.createdAt().orElse(now))
                .text("acknowledged_at", acknowledgedAt(event))
                .text("url_path", event.urlPath())
                .text("url_query_params", event.urlQueryParams())
                .text("metadata", event.metadata())
                .texts("endpoint_ids", event.endpointIds())
                .flag("unbilled", duplicates == Duplicates.UNBILLED);
    }

    /** Binds a row for each event, and one for each endpoint of each event. */
    private static SqlCall bindAll(SqlCall call, List<NewEvent> events, Instant now, Set<NewEvent> repeats) {
        List<String> eventIds = new ArrayList<>();
        List<String> endpointIds = new ArrayList<>();
        for (NewEvent event : events) {
            for (String endpointId : event.endpointIds()) {
                eventIds.add(event.id());
                endpointIds.add(endpointId);
            }
        }
        return call.texts("event_ids", eventIds)
                .texts("endpoint_ids", endpointIds)
                .texts("ids", each(events, NewEvent::id))
                .texts("project_ids", each(events, NewEvent::projectId))
                .texts("event_types", each(events, NewEvent::type))
                .texts("raws", each(events, event -> event.payload().raw()))
                .manyBytes("datas", each(events, event -> event.payload().data()))
                .texts("source_ids", each(events, NewEvent::sourceId))
                .texts("idempotency_keys", each(events, NewEvent::idempotencyKey))
                .flags("repeats", each(events, repeats::contains))
                .texts("statuses", each(events, NewEvent::status))
                .texts("headers", each(events, event -> Headers.toJson(event.headerValues())))
                .instants("created_ats", each(events, event -> event.createdAt().orElse(now)))
                .texts("acknowledged_ats", each(events, EventRecorder::acknowledgedAt))
                .texts("url_paths", each(events, NewEvent::urlPath))
                .texts("url_query_params", each(events, NewEvent::urlQueryParams))
                .texts("metadata", each(events, NewEvent::metadata));
    }

    private static String acknowledgedAt(NewEvent event) {
        return event.acknowledgedAt().map(DriverTime::text).orElse("");
    }

    private static Event recorded(NewEvent event, SqlRow row) throws SQLException {
        return Event.of(
                event,
                row.flag("is_duplicate"),
                row.number("payload_bytes"),
                row.instant("created_at"),
                row.optionalInstant("deleted_at"));
    }

    boolean replaceEndpoints(String projectId, String eventId, Collection<String> endpointIds) {
        return transactions.run(Jdbc.Mode.WRITE, "the event's endpoints can't be replaced", connection -> {
            List<Instant> createdAt = events.find(
                    connection,
                    LedgerStatement.TOUCH_EVENT,
                    List.of(eventId),
                    call -> call.text("project_id", projectId)
                            .text("id", eventId)
                            .instant("now", clock.instant()),
                    row -> row.instant("created_at"));
            if (createdAt.isEmpty()) {
                return false;
            }
            replaceEndpoints(connection, projectId, eventId, createdAt.get(0), endpointIds);
            return true;
        });
    }

    private void replaceEndpoints(
            Connection connection, String projectId, String eventId, Instant createdAt, Collection<String> endpointIds)
            throws SQLException {
        sql.call(connection, LedgerStatement.DELETE_ENDPOINTS)
                .text("event_id", eventId)
                .update();
        sql.call(connection, LedgerStatement.INSERT_ENDPOINTS)
                .text("event_id", eventId)
                .text("project_id", projectId)
                .instant("created_at", createdAt)
                .texts("endpoint_ids", endpointIds)
                .update();
    }

    /** Records deliveries in the order of their ids, as events are. */
    List<Delivery> recordDeliveries(List<NewDelivery> deliveries) {
        Instant now = clock.instant();
        List<Delivery> recorded = each(deliveries, delivery -> Delivery.of(delivery, now));
        if (!recorded.isEmpty()) {
            List<Delivery> sorted =
                    recorded.stream().sorted(Comparator.comparing(Delivery::id)).toList();
            transactions.run(Jdbc.Mode.WRITE_LOOK_UPS, "the deliveries can't be recorded", connection -> {
                boolean haveUncheckedIds = false;
                for (List<Delivery> some : RecordingBatches.ofDeliveries(sorted)) {
                    haveUncheckedIds |= insertDeliveries(connection, some);
                }
                if (haveUncheckedIds) {
                    deliveryIds.require(connection, each(recorded, Delivery::id));
                }
                return recorded;
            });
        }
        return recorded;
    }

    /** Inserts deliveries; returns whether their ids are still to be checked. */
    private boolean insertDeliveries(Connection connection, List<Delivery> deliveries) throws SQLException {
        Map<String, Boolean> inserted = new HashMap<>();
        sql.forIdsOf(IdTable.DELIVERIES)
                .call(connection, LedgerStatement.INSERT_DELIVERIES)
                .texts("ids", each(deliveries, Delivery::id))
                .texts("project_ids", each(deliveries, Delivery::projectId))
                .texts("event_ids", each(deliveries, Delivery::eventId))
                .texts("endpoint_ids", each(deliveries, Delivery::endpointId))
                .texts("statuses", each(deliveries, Delivery::status))
                .instants("created_ats", each(deliveries, Delivery::createdAt))
                .texts("failure_reasons", each(deliveries, Delivery::failureReason))
                .texts("metadata", each(deliveries, Delivery::metadata))
                .text("table", sql.quoted("deliveries").get(0))
                .forEach(row -> inserted.put(row.text("id"), row.flag("has_unchecked_id")));
        Set<String> changed = new TreeSet<>(inserted.keySet());
        deliveries.forEach(delivery -> changed.remove(delivery.id()));
        if (!changed.isEmpty()) {
            throw new SQLException("triggers of " + sql.quoted("deliveries").get(0)
                    + " have changed ids of deliveries, "
                    + changed.size() + " in all, one to \"" + changed.iterator().next()
                    + "\"; they have to stay as they are recorded");
        }
        for (Delivery delivery : deliveries) {
            if (!inserted.containsKey(delivery.id())) {
                throw new EventLedgerException(
                        "the deliveries can't be recorded: there is no event \"" + delivery.eventId()
                                + "\" in the project \"" + delivery.projectId() + "\"",
                        null);
            }
        }
        return inserted.containsValue(true);
    }

    private static <T, V> List<V> each(List<T> rows, Function<T, V> value) {
        return rows.stream().map(value).toList();
    }
}
