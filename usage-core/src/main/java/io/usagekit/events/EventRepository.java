package io.usagekit.events;

import io.usagekit.UsageKey;
import java.io.OutputStream;
import java.util.Collection;
import java.util.List;
import java.util.Optional;

/**
 * Ledger of the events and deliveries that figures count.
 *
 * <p>Every call names a project: what belongs to another project is absent. Each call is one transaction unless it says
 * otherwise: it happens as a whole or not at all. What can't be done is an {@link EventLedgerException}; what is out of bounds
 * an {@link IllegalArgumentException} that names the argument, its value and the bound, before anything is done.
 *
 * <p>Implementations are safe for use by many threads at once. All calls block.
 *
 * @since 0.1
 */
public interface EventRepository {

    // What events refer to

    /** Adds a project, or replaces what is known of it. */
    void save(Project project);

    /**
     * Adds an endpoint, or replaces what is known of it. Events may refer to endpoints that aren't saved; only saved ones have an
     * owner.
     *
     * @throws EventLedgerException if another project has an endpoint of this id, which stays as it is, or the project isn't there
     */
    void save(Endpoint endpoint);

    /**
     * Adds a source, or replaces what is known of it. Events may refer to sources that aren't saved.
     *
     * @throws EventLedgerException if another project has a source of this id, which stays as it is, or the project isn't there
     */
    void save(Source source);

    // Record

    /**
     * Records an event and where it is to be delivered. If it has an idempotency key that a live event of the project has, it
     * is recorded as a duplicate; of any number that are recorded at once with one key, exactly one isn't a duplicate.
     *
     * <p>An id belongs to one event of one project, whatever its time: of any number that are recorded at once with one id, one is
     * recorded. Once it is deleted for good, the id is free, and its key belongs to no event; but a ledger may know both for some time after
     * retention has deleted the event, which still counts: then the id is taken, and events with the key are duplicates.
     *
     * @return the event as it was recorded
     * @throws EventLedgerException if the id is taken, in this project or another one, or the project isn't there
     */
    default Event record(NewEvent event) {
        return recordAll(List.of(event)).get(0);
    }

    /**
     * Records many events at once, of one project or of several: all of them, or none. Much faster than one by one. Of events
     * in the list with one key, the first may be no duplicate.
     *
     * @return the events as they were recorded, in the order given
     * @throws EventLedgerException if an id is taken, in any project, or given twice, or a project isn't there
     */
    List<Event> recordAll(List<NewEvent> events);

    /**
     * Records those of many events that aren't recorded yet, in one transaction, e.g. of a list that was sent again after an error. An event
     * is recorded already if its project has one with its id, live or soft-deleted, whatever else the two have, or had one that retention has
     * deleted and the ledger still knows; that one stays as it is. Of
     * events in the list with one id, the first is recorded. Of calls at the same time, also of {@link #recordAll}, one records an event, and the
     * others wait until its transaction has ended: each result is true once its call has returned, or, of a call in a host's transaction, once
     * that has committed.
     *
     * <p>Idempotency keys are those of events with other ids: what is recorded here is a duplicate as {@link #recordAll} says, and what is
     * recorded already has no part in that besides what it has in the ledger.
     *
     * @return the events as they were recorded, and the ids of those that were recorded already
     * @throws EventLedgerException if an event of another project has an id, in the ledger or in the list, or a project isn't there
     */
    RecordingResult recordNew(List<NewEvent> events);

    /**
     * Records deliveries: all of them, or none. An id belongs to one delivery of one project, as ids of events do.
     *
     * @return the deliveries as they were recorded, in the order given
     * @throws EventLedgerException if an id is taken, in any project, or given twice, or an event isn't there in the delivery's project
     */
    List<Delivery> recordDeliveries(List<NewDelivery> deliveries);

    // Find

    /** An event, live or soft-deleted. */
    default Optional<Event> find(String projectId, String eventId) {
        return findAll(projectId, List.of(eventId)).stream().findFirst();
    }

    /**
     * Events, live or soft-deleted.
     *
     * @return those that exist, each once, in the requested order
     */
    List<Event> findAll(String projectId, Collection<String> eventIds);

    /** An event, live or soft-deleted, and what is known of its source. */
    Optional<SourcedEvent> findWithSource(String projectId, String eventId);

    /**
     * The live event that has this idempotency key and isn't a duplicate: the one that others repeat.
     *
     * @param idempotencyKey not blank
     */
    Optional<Event> findFirst(String projectId, String idempotencyKey);

    /**
     * Whether an event with this key would be a duplicate: {@link #findFirst} finds one, or the key is that of one which retention has deleted
     * and the ledger still knows.
     */
    boolean isRecorded(String projectId, String idempotencyKey);

    /** Where an event is to be delivered, in the order of ids; empty if the event isn't there. */
    List<String> endpointIds(String projectId, String eventId);

    /** A delivery. */
    Optional<Delivery> findDelivery(String projectId, String deliveryId);

    // Update

    /**
     * Replaces where an event is to be delivered.
     *
     * @param endpointIds any number, also none
     * @return whether the event is there
     */
    boolean updateEndpoints(String projectId, String eventId, Collection<String> endpointIds);

    /**
     * Replaces how far an event is.
     *
     * @return whether the event is there
     */
    boolean updateStatus(String projectId, String eventId, String status);

    /**
     * Sets a delivery's status. {@link Delivery#SUCCESS} removes its failure reason; any other status leaves it.
     *
     * @return whether the delivery is there
     */
    boolean updateDeliveryStatus(String projectId, String deliveryId, String status);

    /**
     * Sets a delivery's status and the reason for which its last attempt failed.
     *
     * @param failureReason at most 8,192 octets in UTF-8; empty: it didn't fail, or the reason isn't known
     * @return whether the delivery is there
     * @throws UnsupportedOperationException if this implementation keeps no failure reasons, as by default
     */
    default boolean updateDeliveryStatus(String projectId, String deliveryId, String status, String failureReason) {
        throw new UnsupportedOperationException(
                getClass().getName() + " keeps no failure reasons: override updateDeliveryStatus with four arguments");
    }

    // Count

    /** How many live events a project has. */
    default long countMessages(String projectId) {
        return count(projectId, EventFilter.ALL);
    }

    /** How many events of a project meet a filter. */
    long count(String projectId, EventFilter filter);

    // Page

    /**
     * A page of a project's events that meet a filter. What a page costs doesn't depend on how many are before it. Going
     * through all pages, each event that is there all the while comes exactly once, whatever is recorded meanwhile; one that
     * is recorded meanwhile comes if its place is still ahead.
     *
     * @throws IllegalArgumentException if the cursor isn't one that was given out for this project, filter and order
     */
    Page<Event> page(String projectId, EventFilter filter, PageRequest request);

    // What a figure is made of

    /**
     * A page of the very events that a figure counts as received: {@code received.volume} events on all pages, whose
     * {@link Event#bytes} add up to {@code received.bytes}, as long as nothing changes.
     *
     * @throws IllegalArgumentException if the cursor isn't one that was given out for what this figure received, and the order
     */
    Page<Event> received(UsageKey key, PageRequest request);

    /**
     * A page of the very deliveries that a figure counts as sent: {@code sent.volume} deliveries on all pages, whose
     * {@link SentDelivery#bytes} add up to {@code sent.bytes}, as long as nothing changes.
     *
     * @throws IllegalArgumentException if the cursor isn't one that was given out for what this figure sent, and the order
     */
    Page<SentDelivery> sent(UsageKey key, PageRequest request);

    // The copy that is searched

    /**
     * Makes the live events of a window findable by {@link EventFilter#text}, those that aren't yet: the words of each one's type
     * and of the first 100,000 characters of its text. Works through the window in batches, each a transaction of its own, so
     * that what is done stays done when a later one fails.
     *
     * @param window {@link EventWindow#since} for recent events, {@link EventWindow#ALL} for all of them
     * @return how many events have been made findable
     */
    long tokenise(String projectId, EventWindow window);

    /**
     * Makes the events of a window unfindable by text; the events stay. In batches, as {@link #tokenise}.
     *
     * @return how many events were findable
     */
    long deleteTokens(String projectId, EventWindow window);

    // Delete

    /**
     * Soft-deletes the live events of a window: from now on figures don't count them as received, and their keys are free.
     * Deliveries of them stay what they are. Works through the window in batches, each a transaction of its own, so that what
     * is done stays done when a later one fails.
     *
     * @return how many events have been deleted
     */
    long delete(String projectId, EventWindow window);

    /**
     * Deletes the events of a window for good, live or soft-deleted, with their endpoints and what makes them findable, except
     * those that a delivery refers to: what was sent is counted by their size. In batches, as {@link #delete}.
     *
     * @return how many events have been deleted
     */
    long deleteForGood(String projectId, EventWindow window);

    // Export

    /**
     * Writes the live events of a project or of all projects up to an instant, or others that the request asks for, to a sink, as they were at
     * one moment, unless it takes longer than
     * {@link ExportRequest.Builder#snapshotFor}: each a JSON object with
     * {@code id}, {@code project_id}, {@code event_type}, {@code source_id}, {@code idempotency_key}, {@code is_duplicate},
     * {@code status}, {@code headers} (strings, or an array of strings where a name has several values), {@code raw}, {@code data} (in Base64), {@code bytes} and {@code created_at}; where the event has them,
     * {@code url_path}, {@code url_query_params}, {@code metadata}, {@code acknowledged_at} and {@code updated_at}; and, where asked for,
     * {@code deleted_at} and {@code endpoint_ids}. Takes the same memory however many there are, and however large.
     *
     * @param sink is flushed after each batch of 3,000 events, and not closed; what it throws is the cause of the exception
     * @throws EventExportException if the sink or the database fails; it says how much the sink has for sure, and where to resume
     * @throws IllegalArgumentException if the request's cursor isn't one of an export of the same project, instants, state, endpoints,
     *     format and compression
     */
    ExportResult export(ExportRequest request, OutputStream sink);
}
