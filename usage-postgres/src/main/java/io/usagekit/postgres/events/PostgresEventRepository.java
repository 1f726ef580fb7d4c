package io.usagekit.postgres.events;

import io.usagekit.UsageKey;
import io.usagekit.events.Bounds;
import io.usagekit.events.Delivery;
import io.usagekit.events.Duplicates;
import io.usagekit.events.Endpoint;
import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventLedgerException;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.ExportResult;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Project;
import io.usagekit.events.RecordingResult;
import io.usagekit.events.SentDelivery;
import io.usagekit.events.Source;
import io.usagekit.events.SourcedEvent;
import io.usagekit.events.spi.EventPager;
import io.usagekit.events.spi.PageRead;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlRow;
import java.io.OutputStream;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;

/** The repository of events in the library's own tables. */
final class PostgresEventRepository implements EventRepository {

    private static final String UNREADABLE = "the events can't be read";

    private final LedgerTransactions transactions;
    private final LedgerSql sql;
    private final LookUps events;
    private final LookUps deliveries;
    private final EventPager pager;
    private final EventRecorder recorder;
    private final SearchIndex searchIndex;
    private final EventDeletion deletion;
    private final EventExport export;
    private final InstantSource clock;

    PostgresEventRepository(
            LedgerTransactions transactions,
            LedgerSql sql,
            EventPager pager,
            Duplicates duplicates,
            InstantSource clock) {
        this.transactions = transactions;
        this.sql = sql;
        events = new LookUps(sql, IdTable.EVENTS);
        deliveries = new LookUps(sql, IdTable.DELIVERIES);
        this.pager = pager;
        recorder = new EventRecorder(transactions, sql, duplicates, clock);
        searchIndex = new SearchIndex(transactions, sql);
        deletion = new EventDeletion(transactions, sql, clock);
        export = new EventExport(transactions, sql, pager);
        this.clock = clock;
    }

    @Override
    public void save(Project project) {
        update(
                "the project can't be saved",
                connection -> sql.call(connection, LedgerStatement.SAVE_PROJECT)
                        .text("id", project.id())
                        .text("organisation_id", project.organisationId())
                        .text("name", project.name()));
    }

    @Override
    public void save(Endpoint endpoint) {
        String failure = "the endpoint can't be saved";
        boolean isSaved = update(
                failure,
                connection -> sql.call(connection, LedgerStatement.SAVE_ENDPOINT)
                        .text("id", endpoint.id())
                        .text("project_id", endpoint.projectId())
                        .text("owner_id", endpoint.ownerId())
                        .text("name", endpoint.name()));
        if (!isSaved) {
            throw takenByAnotherProject(failure, endpoint.id());
        }
    }

    @Override
    public void save(Source source) {
        String failure = "the source can't be saved";
        boolean isSaved = update(
                failure,
                connection -> sql.call(connection, LedgerStatement.SAVE_SOURCE)
                        .text("id", source.id())
                        .text("project_id", source.projectId())
                        .text("name", source.name())
                        .text("type", source.type()));
        if (!isSaved) {
            throw takenByAnotherProject(failure, source.id());
        }
    }

    private static EventLedgerException takenByAnotherProject(String failure, String id) {
        return new EventLedgerException(
                failure + ": another project has the id \"" + id + "\"; save it under another one", null);
    }

    @Override
    public List<Event> recordAll(List<NewEvent> events) {
        return recorder.recordEvents(List.copyOf(events));
    }

    @Override
    public RecordingResult recordNew(List<NewEvent> events) {
        return recorder.recordNewEvents(List.copyOf(events));
    }

    @Override
    public List<Delivery> recordDeliveries(List<NewDelivery> deliveries) {
        return recorder.recordDeliveries(List.copyOf(deliveries));
    }

    @Override
    public List<Event> findAll(String projectId, Collection<String> eventIds) {
        Bounds.id("projectId", projectId);
        Set<String> ids = Bounds.ids("eventIds", eventIds);
        Map<String, Event> found = new HashMap<>();
        read(connection -> events.find(
                        connection,
                        LedgerStatement.FIND_EVENTS,
                        ids,
                        call -> call.text("project_id", projectId).texts("ids", ids),
                        EventRows::event))
                .forEach(event -> found.put(event.id(), event));
        return ids.stream().map(found::get).filter(Objects::nonNull).toList();
    }

    @Override
    public Optional<SourcedEvent> findWithSource(String projectId, String eventId) {
        Bounds.id("projectId", projectId);
        Bounds.id("eventId", eventId);
        return read(connection -> events.find(
                        connection,
                        LedgerStatement.FIND_EVENT_WITH_SOURCE,
                        List.of(eventId),
                        call -> call.text("project_id", projectId).text("id", eventId),
                        PostgresEventRepository::sourced))
                .stream()
                .findFirst();
    }

    private static SourcedEvent sourced(SqlRow row) throws SQLException {
        Event event = EventRows.event(row);
        Optional<String> id = row.optionalText("known_source_id");
        return new SourcedEvent(
                event,
                id.isEmpty()
                        ? Optional.empty()
                        : Optional.of(new Source(
                                id.get(), event.projectId(), row.text("source_name"), row.text("source_type"))));
    }

    @Override
    public Optional<Event> findFirst(String projectId, String idempotencyKey) {
        Bounds.id("projectId", projectId);
        Bounds.id("idempotencyKey", idempotencyKey);
        return read(connection -> events.findFirst(connection, projectId, idempotencyKey, EventRows::event));
    }

    @Override
    public boolean isRecorded(String projectId, String idempotencyKey) {
        Bounds.id("projectId", projectId);
        Bounds.id("idempotencyKey", idempotencyKey);
        return read(connection -> sql.call(connection, LedgerStatement.IS_RECORDED)
                .text("project_id", projectId)
                .text("idempotency_key", idempotencyKey)
                .first(row -> row.flag("answer"))
                .orElseThrow());
    }

    @Override
    public List<String> endpointIds(String projectId, String eventId) {
        Bounds.id("projectId", projectId);
        Bounds.id("eventId", eventId);
        return read(connection -> events.find(
                        connection,
                        LedgerStatement.FIND_ENDPOINT_IDS,
                        List.of(eventId),
                        call -> call.text("project_id", projectId).text("id", eventId),
                        row -> row.optionalText("endpoint_id")))
                .stream()
                .flatMap(Optional::stream)
                .toList();
    }

    @Override
    public Optional<Delivery> findDelivery(String projectId, String deliveryId) {
        Bounds.id("projectId", projectId);
        Bounds.id("deliveryId", deliveryId);
        return read(connection -> deliveries.find(
                        connection,
                        LedgerStatement.FIND_DELIVERY,
                        List.of(deliveryId),
                        call -> call.text("project_id", projectId).text("id", deliveryId),
                        EventRows::delivery))
                .stream()
                .findFirst();
    }

    @Override
    public boolean updateEndpoints(String projectId, String eventId, Collection<String> endpointIds) {
        Bounds.id("projectId", projectId);
        Bounds.id("eventId", eventId);
        return recorder.replaceEndpoints(projectId, eventId, Bounds.ids("endpointIds", endpointIds));
    }

    @Override
    public boolean updateStatus(String projectId, String eventId, String status) {
        Bounds.id("projectId", projectId);
        Bounds.id("eventId", eventId);
        Bounds.word("status", status);
        return updateRow(
                events,
                "the event's status can't be updated",
                LedgerStatement.UPDATE_STATUS,
                eventId,
                call -> newStatus(call, projectId, eventId, status));
    }

    @Override
    public boolean updateDeliveryStatus(String projectId, String deliveryId, String status) {
        return updateDeliveryStatus(projectId, deliveryId, status, List.of());
    }

    @Override
    public boolean updateDeliveryStatus(String projectId, String deliveryId, String status, String failureReason) {
        return updateDeliveryStatus(
                projectId, deliveryId, status, List.of(Bounds.text("failureReason", failureReason)));
    }

    private boolean updateDeliveryStatus(
            String projectId, String deliveryId, String status, List<String> failureReason) {
        Bounds.id("projectId", projectId);
        Bounds.id("deliveryId", deliveryId);
        Bounds.word("status", status);
        return updateRow(
                deliveries,
                "the delivery's status can't be updated",
                LedgerStatement.UPDATE_DELIVERY_STATUS,
                deliveryId,
                call -> newStatus(call, projectId, deliveryId, status).texts("failure_reason", failureReason));
    }

    private SqlCall newStatus(SqlCall call, String projectId, String id, String status) {
        return call.text("project_id", projectId)
                .text("id", id)
                .text("status", status)
                .instant("now", clock.instant());
    }

    @Override
    public long count(String projectId, EventFilter filter) {
        Bounds.id("projectId", projectId);
        return read(connection -> sql.call(
                        connection,
                        LedgerStatement.COUNT_EVENTS,
                        conditions(filter, EndpointPages.endpointIds(sql, connection, projectId, filter)))
                .text("project_id", projectId)
                .first(row -> row.number("events"))
                .orElseThrow());
    }

    @Override
    public Page<Event> page(String projectId, EventFilter filter, PageRequest request) {
        PageRead<Event> page = pager.events(projectId, filter, request);
        CallDeadline deadline = transactions.deadline();
        return transactions.read(UNREADABLE, tables(filter), connection -> {
            Optional<Set<String>> endpointIds = EndpointPages.endpointIds(sql, connection, projectId, filter);
            boolean isSelective = EndpointPages.isSelective(filter);
            Optional<String> words = WordQuery.ofPage(filter);
            if (words.isPresent() && !isSelective) {
                return page.read(
                        new WordPages(sql, connection, deadline, projectId, filter, words.get(), endpointIds)::read);
            }
            if (endpointIds.isPresent() && !isSelective) {
                return page.read(
                        new EndpointPages(sql, connection, deadline, projectId, filter, endpointIds.get())::read);
            }
            LedgerFilter conditions = eachCondition(filter, endpointIds);
            return page.read(scan -> {
                deadline.limit(connection);
                return sql.call(connection, LedgerStatement.PAGE_EVENTS, conditions, scan)
                        .text("project_id", projectId)
                        .number("octets", PageRequest.MAX_OCTETS)
                        .list(EventRows::event);
            });
        });
    }

    private static LedgerFilter conditions(EventFilter filter, Optional<Set<String>> endpointIds) {
        LedgerFilter others = LedgerFilter.of(filter);
        LedgerFilter conditions = WordQuery.of(filter).map(others::containing).orElse(others);
        return endpointIds.map(conditions::deliveredTo).orElse(conditions);
    }

    /** The same conditions, for few events that others find. */
    private static LedgerFilter eachCondition(EventFilter filter, Optional<Set<String>> endpointIds) {
        LedgerFilter others = LedgerFilter.of(filter);
        LedgerFilter conditions =
                WordQuery.of(filter).map(others::eachContaining).orElse(others);
        return endpointIds.map(conditions::eachDeliveredTo).orElse(conditions);
    }

    /** The tables that pages of a filter read. */
    private List<String> tables(EventFilter filter) {
        List<String> tables = new ArrayList<>(sql.quoted("events"));
        if (filter.endpointIds().isPresent() || filter.ownerId().isPresent()) {
            tables.addAll(sql.quoted("events_endpoints"));
        }
        if (filter.ownerId().isPresent()) {
            tables.addAll(sql.quoted("endpoints"));
        }
        if (WordQuery.of(filter).isPresent()) {
            tables.addAll(sql.quoted("events_search"));
        }
        return tables;
    }

    @Override
    public Page<Event> received(UsageKey key, PageRequest request) {
        return readPage(
                pager.received(key, request),
                sql.quoted("projects", "events"),
                (connection, scan) -> sql.figure(connection, LedgerStatement.PAGE_RECEIVED, key, scan)
                        .number("octets", PageRequest.MAX_OCTETS)
                        .list(EventRows::event));
    }

    @Override
    public Page<SentDelivery> sent(UsageKey key, PageRequest request) {
        return readPage(
                pager.sent(key, request),
                sql.quoted("projects", "deliveries", "events"),
                (connection, scan) -> sql.figure(connection, LedgerStatement.PAGE_SENT, key, scan)
                        .number("octets", PageRequest.MAX_OCTETS)
                        .list(row -> new SentDelivery(EventRows.delivery(row), row.number("bytes"))));
    }

    @Override
    public long tokenise(String projectId, EventWindow window) {
        return searchIndex.tokenise(Bounds.id("projectId", projectId), window);
    }

    @Override
    public long deleteTokens(String projectId, EventWindow window) {
        return searchIndex.deleteTokens(Bounds.id("projectId", projectId), window);
    }

    @Override
    public long delete(String projectId, EventWindow window) {
        return deletion.delete(Bounds.id("projectId", projectId), window);
    }

    @Override
    public long deleteForGood(String projectId, EventWindow window) {
        return deletion.deleteForGood(Bounds.id("projectId", projectId), window);
    }

    @Override
    public ExportResult export(ExportRequest request, OutputStream sink) {
        return export.export(request, sink);
    }

    private interface Rows<T> {
        List<T> read(Connection connection, Scan scan) throws SQLException;
    }

    /** Reads a page in one snapshot. */
    private <T> Page<T> readPage(PageRead<T> page, List<String> tables, Rows<T> rows) {
        return transactions.read(UNREADABLE, tables, connection -> page.read(scan -> rows.read(connection, scan)));
    }

    private <T> T read(Jdbc.Work<T> work) {
        return transactions.run(Jdbc.Mode.READ_ONLY, UNREADABLE, work);
    }

    /** Runs a statement that changes the row with an id; returns whether there is one. */
    private boolean updateRow(
            LookUps rows, String what, LedgerStatement statement, String id, UnaryOperator<SqlCall> bound) {
        return transactions.run(Jdbc.Mode.WRITE, what, connection -> rows.update(connection, statement, id, bound));
    }

    private interface Change {
        SqlCall on(Connection connection) throws SQLException;
    }

    /** Runs one statement; returns whether it changed a row. */
    private boolean update(String what, Change change) {
        return transactions.run(
                Jdbc.Mode.WRITE, what, connection -> change.on(connection).update() > 0);
    }
}
