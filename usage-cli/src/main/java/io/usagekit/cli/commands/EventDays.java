package io.usagekit.cli.commands;

import io.usagekit.events.Event;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.EventWindow;
import io.usagekit.events.PageRequest;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The days of a window in which a project has events, so that long work on them can be done, and counted, day by day. */
final class EventDays {

    private final EventRepository repository;
    private final String projectId;

    EventDays(EventRepository repository, String projectId) {
        this.repository = repository;
        this.projectId = projectId;
    }

    /**
     * Returns windows of one day in UTC at most, which together have all events of a window, deleted ones included. Each begins with its
     * first event.
     */
    List<EventWindow> in(EventWindow whole) {
        List<EventWindow> days = new ArrayList<>();
        Optional<Instant> from = first(whole);
        while (from.isPresent()) {
            Instant next = from.get().truncatedTo(ChronoUnit.DAYS).plus(1, ChronoUnit.DAYS);
            Instant to = whole.before().filter(next::isAfter).orElse(next);
            days.add(EventWindow.between(from.get(), to));
            from = whole.before().filter(before -> !to.isBefore(before)).isPresent()
                    ? Optional.empty()
                    : first(new EventWindow(Optional.of(to), whole.before()));
        }
        return days;
    }

    /** When the first event of a window was created, deleted ones included. */
    private Optional<Instant> first(EventWindow within) {
        EventFilter filter = EventFilter.builder()
                .window(within)
                .state(EventFilter.State.ANY)
                .build();
        return repository.page(projectId, filter, PageRequest.first(1, EventOrder.ASCENDING)).items().stream()
                .findFirst()
                .map(Event::createdAt);
    }
}
