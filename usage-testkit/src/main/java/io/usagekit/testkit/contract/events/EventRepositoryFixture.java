package io.usagekit.testkit.contract.events;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.events.Delivery;
import io.usagekit.events.Duplicates;
import io.usagekit.events.Event;
import io.usagekit.events.EventRepository;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Project;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;

/** Fixture of one topic of the contract: a ledger with two projects of one organisation and one project of another. */
abstract class EventRepositoryFixture {

    static final Instant NOW = Instant.parse("2026-03-17T01:28:00.123456Z");
    static final String P = "project-1";
    static final String SIBLING = "project-2";
    static final String UNRELATED = "project-3";
    static final String ORGANISATION = "org-123";

    ManualClock clock;
    EventRepository ledger;

    private final EventRepositoryContract contract;

    EventRepositoryFixture(EventRepositoryContract contract) {
        this.contract = contract;
    }

    @BeforeEach
    final void open() {
        clock = ManualClock.at(NOW);
        ledger = openRepository(Duplicates.BILLED);
        ledger.save(new Project(P, ORGANISATION, "one"));
        ledger.save(new Project(SIBLING, ORGANISATION, "two"));
        ledger.save(new Project(UNRELATED, "org-124", "three"));
    }

    final EventRepository openRepository(Duplicates duplicates) {
        return contract.openRepository(duplicates, clock);
    }

    /** Computes a figure of the ledger. */
    final OrganisationUsage figure(UsageKey key) {
        return contract.calculator(ledger).calculate(key, Duration.ofSeconds(30));
    }

    static NewEvent.Builder event(String id) {
        return NewEvent.builder(P, id);
    }

    /** Records an event. */
    final Event recorded(NewEvent.Builder event) {
        return ledger.record(event.build());
    }

    /** Records an event with an idempotency key; returns whether it is a duplicate. */
    final boolean repeats(String projectId, String id, String key) {
        return recorded(NewEvent.builder(projectId, id).idempotencyKey(key)).duplicate();
    }

    /** Records a delivery. */
    final Delivery delivered(String id, String eventId, String status) {
        return ledger.recordDeliveries(List.of(new NewDelivery(id, P, eventId, "", status, Optional.empty())))
                .get(0);
    }
}
