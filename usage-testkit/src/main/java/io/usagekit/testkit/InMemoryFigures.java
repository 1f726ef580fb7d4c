package io.usagekit.testkit;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.events.Delivery;
import io.usagekit.events.Event;
import io.usagekit.events.SentDelivery;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Figures of a ledger's events and deliveries, and what they count. Not thread-safe.
 *
 * @param events by id, as they are when a figure is computed
 * @param deliveries by id, likewise
 */
record InMemoryFigures(InMemoryReferences references, Map<String, Event> events, Map<String, Delivery> deliveries) {

    OrganisationUsage of(UsageKey key, Instant now) {
        return new OrganisationUsage(
                key,
                receivedBy(key)
                        .map(event -> new UsageMetrics(1, event.bytes()))
                        .reduce(UsageMetrics.ZERO, UsageMetrics::plus),
                sentBy(key)
                        .map(sent -> new UsageMetrics(1, sent.bytes()))
                        .reduce(UsageMetrics.ZERO, UsageMetrics::plus),
                now);
    }

    Stream<Event> receivedBy(UsageKey key) {
        return events.values().stream()
                .filter(event -> isOf(key, event.projectId(), event.createdAt()))
                .filter(event -> event.deletedAt().isEmpty());
    }

    Stream<SentDelivery> sentBy(UsageKey key) {
        return deliveries.values().stream()
                .filter(delivery -> isOf(key, delivery.projectId(), delivery.createdAt()))
                .filter(delivery -> delivery.status().equals(Delivery.SUCCESS))
                .map(delivery -> new SentDelivery(
                        delivery,
                        Optional.ofNullable(events.get(delivery.eventId()))
                                .map(Event::bytes)
                                .orElse(0L)));
    }

    private boolean isOf(UsageKey key, String projectId, Instant at) {
        return !at.isBefore(key.period().start())
                && at.isBefore(key.period().end())
                && references.organisationId(projectId).equals(key.organisationId());
    }
}
