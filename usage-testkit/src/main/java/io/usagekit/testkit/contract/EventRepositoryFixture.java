package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.UsageCalculator;
import io.usagekit.events.Delivery;
import io.usagekit.events.Duplicates;
import io.usagekit.events.Event;
import io.usagekit.events.EventRepository;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Project;
import io.usagekit.testkit.ManualClock;
import java.time.Instant;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.function.Executable;

/**
 * A ledger with two projects of one organisation and one of another, and what the contract's parts are written in. A part
 * extends the one before it, so that a subclass of the contract runs them all.
 */
abstract class EventRepositoryFixture {

    static final Instant NOW = Instant.parse("2026-03-17T01:28:00.123456Z");
    static final String P = "project-1";
    static final String SIBLING = "project-2";
    static final String STRANGER = "project-3";
    static final String ORGANISATION = "org-123";

    ManualClock clock;
    EventRepository ledger;

    /** A ledger with nothing in it, for one test. */
    protected abstract EventRepository openRepository(Duplicates duplicates, InstantSource clock);

    /** Figures of this ledger. */
    protected abstract UsageCalculator calculator(EventRepository repository);

    @BeforeEach
    final void open() {
        clock = ManualClock.at(NOW);
        ledger = openRepository(Duplicates.BILLED, clock);
        ledger.save(new Project(P, ORGANISATION, "one"));
        ledger.save(new Project(SIBLING, ORGANISATION, "two"));
        ledger.save(new Project(STRANGER, "org-124", "three"));
    }

    // What the tests are written in

    static NewEvent.Builder event(String id) {
        return NewEvent.builder(P, id);
    }

    /** Records it. */
    final Event recorded(NewEvent.Builder event) {
        return ledger.record(event.build());
    }

    /** Records an event of this key, and says whether it is a duplicate. */
    final boolean repeats(String projectId, String id, String key) {
        return recorded(NewEvent.builder(projectId, id).idempotencyKey(key)).duplicate();
    }

    final Delivery delivered(String id, String eventId, String status) {
        return ledger.recordDeliveries(List.of(new NewDelivery(id, P, eventId, "", status, Optional.empty())))
                .get(0);
    }

    static void assertRejected(Executable call, String... words) {
        IllegalArgumentException error = assertThrows(IllegalArgumentException.class, call);
        for (String word : words) {
            assertTrue(error.toString().contains(word), () -> "the message names " + word + ", but was: " + error);
        }
    }
}
