package io.usagekit.testkit.mutants;

import io.usagekit.UsageKey;
import io.usagekit.events.Delivery;
import io.usagekit.events.Endpoint;
import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
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
import io.usagekit.testkit.InMemoryEventRepository;
import java.io.OutputStream;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/** Ledger that forwards each call; mutants override one. Default methods of the port call these. */
class ForwardingEventRepository implements EventRepository {

    final InMemoryEventRepository right;

    ForwardingEventRepository(InMemoryEventRepository right) {
        this.right = right;
    }

    @Override
    public void save(Project project) {
        right.save(project);
    }

    @Override
    public void save(Endpoint endpoint) {
        right.save(endpoint);
    }

    @Override
    public void save(Source source) {
        right.save(source);
    }

    @Override
    public List<Event> recordAll(List<NewEvent> events) {
        return right.recordAll(events);
    }

    @Override
    public RecordingResult recordNew(List<NewEvent> events) {
        return right.recordNew(events);
    }

    @Override
    public List<Delivery> recordDeliveries(List<NewDelivery> deliveries) {
        return right.recordDeliveries(deliveries);
    }

    @Override
    public List<Event> findAll(String projectId, Collection<String> eventIds) {
        return right.findAll(projectId, eventIds);
    }

    @Override
    public Optional<SourcedEvent> findWithSource(String projectId, String eventId) {
        return right.findWithSource(projectId, eventId);
    }

    @Override
    public Optional<Event> findFirst(String projectId, String idempotencyKey) {
        return right.findFirst(projectId, idempotencyKey);
    }

    @Override
    public boolean isRecorded(String projectId, String idempotencyKey) {
        return right.isRecorded(projectId, idempotencyKey);
    }

    @Override
    public List<String> endpointIds(String projectId, String eventId) {
        return right.endpointIds(projectId, eventId);
    }

    @Override
    public Optional<Delivery> findDelivery(String projectId, String deliveryId) {
        return right.findDelivery(projectId, deliveryId);
    }

    @Override
    public boolean updateEndpoints(String projectId, String eventId, Collection<String> endpointIds) {
        return right.updateEndpoints(projectId, eventId, endpointIds);
    }

    @Override
    public boolean updateStatus(String projectId, String eventId, String status) {
        return right.updateStatus(projectId, eventId, status);
    }

    @Override
    public boolean updateDeliveryStatus(String projectId, String deliveryId, String status) {
        return right.updateDeliveryStatus(projectId, deliveryId, status);
    }

    @Override
    public boolean updateDeliveryStatus(String projectId, String deliveryId, String status, String failureReason) {
        return right.updateDeliveryStatus(projectId, deliveryId, status, failureReason);
    }

    @Override
    public long count(String projectId, EventFilter filter) {
        return right.count(projectId, filter);
    }

    @Override
    public Page<Event> page(String projectId, EventFilter filter, PageRequest request) {
        return right.page(projectId, filter, request);
    }

    @Override
    public Page<Event> received(UsageKey key, PageRequest request) {
        return right.received(key, request);
    }

    @Override
    public Page<SentDelivery> sent(UsageKey key, PageRequest request) {
        return right.sent(key, request);
    }

    @Override
    public long tokenise(String projectId, EventWindow window) {
        return right.tokenise(projectId, window);
    }

    @Override
    public long deleteTokens(String projectId, EventWindow window) {
        return right.deleteTokens(projectId, window);
    }

    @Override
    public long delete(String projectId, EventWindow window) {
        return right.delete(projectId, window);
    }

    @Override
    public long deleteForGood(String projectId, EventWindow window) {
        return right.deleteForGood(projectId, window);
    }

    @Override
    public ExportResult export(ExportRequest request, OutputStream sink) {
        return right.export(request, sink);
    }
}
