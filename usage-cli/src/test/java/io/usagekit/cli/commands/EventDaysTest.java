package io.usagekit.cli.commands;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Project;
import io.usagekit.testkit.InMemoryEventRepository;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class EventDaysTest {

    private final EventRepository ledger = InMemoryEventRepository.create();

    EventDaysTest() {
        ledger.save(new Project("p", "org-1", ""));
        ledger.save(new Project("other", "org-1", ""));
        record("p", "2026-03-01T08:00:00Z");
        record("p", "2026-03-01T23:59:59.999999Z");
        record("p", "2026-03-02T00:00:00Z");
        record("p", "2026-04-10T12:00:00Z");
        record("p", "2026-04-10T12:00:00.000001Z");
        record("other", "2026-03-20T00:00:00Z");
        ledger.delete("p", between("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"));
    }

    private void record(String projectId, String at) {
        ledger.record(NewEvent.builder(projectId, projectId + at)
                .createdAt(Instant.parse(at))
                .build());
    }

    private static EventWindow between(String from, String before) {
        return EventWindow.between(Instant.parse(from), Instant.parse(before));
    }

    @Test
    void eachDayWithEventsIsOneWindow() {
        assertThat(new EventDays(ledger, "p").in(EventWindow.ALL))
                .containsExactly(
                        between("2026-03-01T08:00:00Z", "2026-03-02T00:00:00Z"),
                        between("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"),
                        between("2026-04-10T12:00:00Z", "2026-04-11T00:00:00Z"));
    }

    @Test
    void daysEndWithTheWindow() {
        assertThat(new EventDays(ledger, "p").in(between("2026-03-01T09:00:00Z", "2026-04-10T12:00:00.000001Z")))
                .containsExactly(
                        between("2026-03-01T23:59:59.999999Z", "2026-03-02T00:00:00Z"),
                        between("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z"),
                        between("2026-04-10T12:00:00Z", "2026-04-10T12:00:00.000001Z"));
        assertThat(new EventDays(ledger, "p")
                        .in(new EventWindow(
                                Optional.of(Instant.parse("2026-04-10T12:00:00.000001Z")), Optional.empty())))
                .containsExactly(between("2026-04-10T12:00:00.000001Z", "2026-04-11T00:00:00Z"));
    }

    @Test
    void daysWithoutEventsOfTheProjectAreNoWindows() {
        assertThat(new EventDays(ledger, "p").in(between("2026-03-03T00:00:00Z", "2026-04-10T12:00:00Z")))
                .isEmpty();
        assertThat(new EventDays(ledger, "unknown").in(EventWindow.ALL)).isEmpty();
    }
}
