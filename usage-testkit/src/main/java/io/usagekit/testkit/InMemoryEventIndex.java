package io.usagekit.testkit;

import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.SearchQuery;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiPredicate;

/** Endpoints and words of events, and the matching of events to filters. Not thread-safe. */
final class InMemoryEventIndex {

    private static final int SEARCHED_CHARACTERS = 100_000;

    private final InMemoryReferences references;
    private final Map<String, Set<String>> endpointsOfEvents = new HashMap<>();
    private final Map<String, List<String>> wordsOfEvents = new HashMap<>();

    InMemoryEventIndex(InMemoryReferences references) {
        this.references = references;
    }

    /** Replaces the endpoints of an event. */
    void putEndpoints(String eventId, Set<String> endpointIds) {
        endpointsOfEvents.put(eventId, endpointIds);
    }

    Set<String> endpointIds(Event event) {
        return endpointsOfEvents.getOrDefault(event.id(), Set.of());
    }

    void tokenise(Event event) {
        wordsOfEvents.put(
                event.id(),
                SearchQuery.words(event.type() + " " + searched(event.payload().raw())));
    }

    private static String searched(String text) {
        return text.codePointCount(0, text.length()) <= SEARCHED_CHARACTERS
                ? text
                : text.substring(0, text.offsetByCodePoints(0, SEARCHED_CHARACTERS));
    }

    boolean isTokenised(Event event) {
        return wordsOfEvents.containsKey(event.id());
    }

    void removeTokens(Event event) {
        wordsOfEvents.remove(event.id());
    }

    /** Removes an event that is deleted for good. */
    void remove(Event event) {
        endpointsOfEvents.remove(event.id());
        removeTokens(event);
    }

    boolean matches(Event event, EventFilter filter) {
        return (filter.state() == EventFilter.State.ANY || event.deletedAt().isEmpty())
                && filter.window().contains(event.createdAt())
                && isDeliveredAsMeant(event, filter)
                && matches(filter.sourceIds(), event, (ids, e) -> ids.contains(e.sourceId()))
                && matches(filter.idempotencyKey(), event, (key, e) -> key.equals(e.idempotencyKey()))
                && matches(filter.brokerMessageId(), event, (id, e) -> id.equals(e.brokerMessageId()))
                && matches(filter.type(), event, (type, e) -> type.equals(e.type()))
                && matches(filter.status(), event, (status, e) -> status.equals(e.status()))
                && matches(filter.text().map(SearchQuery::allOf), event, this::hasWords)
                && matches(filter.search(), event, this::hasWords);
    }

    private static <T> boolean matches(Optional<T> condition, Event event, BiPredicate<T, Event> test) {
        return condition.isEmpty() || test.test(condition.get(), event);
    }

    /** One endpoint has to meet both conditions of endpoints. */
    private boolean isDeliveredAsMeant(Event event, EventFilter filter) {
        return (filter.endpointIds().isEmpty() && filter.ownerId().isEmpty())
                || endpointIds(event).stream()
                        .anyMatch(id -> filter.endpointIds()
                                        .map(ids -> ids.contains(id))
                                        .orElse(true)
                                && filter.ownerId()
                                        .map(owner -> isOwnedBy(owner, id, event.projectId()))
                                        .orElse(true));
    }

    private boolean isOwnedBy(String ownerId, String endpointId, String projectId) {
        return references
                .endpoint(endpointId)
                .filter(endpoint -> endpoint.projectId().equals(projectId)
                        && endpoint.ownerId().equals(ownerId))
                .isPresent();
    }

    private boolean hasWords(SearchQuery query, Event event) {
        return query.isMetBy(wordsOfEvents.getOrDefault(event.id(), List.of()));
    }
}
