package io.usagekit.events.spi;

import io.usagekit.events.EventLedgerException;
import io.usagekit.events.EventRepository;
import io.usagekit.events.NewEvent;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Events that {@link EventRepository#recordNew} has to record, and the others; for implementations of it.
 *
 * @param events those that aren't recorded yet, each id once, in the order given
 * @param recordedAlready the ids of the others, in the order given
 * @since 0.1
 */
public record UnrecordedEvents(List<NewEvent> events, List<String> recordedAlready) {

    /** Copies the lists. */
    public UnrecordedEvents {
        events = List.copyOf(events);
        recordedAlready = List.copyOf(recordedAlready);
    }

    /**
     * Finds the events that aren't recorded yet.
     *
     * @param recorded the project of each event that is recorded, by the event's id; of other events than those given as well
     * @throws EventLedgerException if an event of another project has an id
     */
    public static UnrecordedEvents of(List<NewEvent> given, Map<String, String> recorded) {
        Map<String, String> projectIds = new HashMap<>();
        List<NewEvent> events = new ArrayList<>();
        List<String> recordedAlready = new ArrayList<>();
        for (NewEvent event : given) {
            String taken = recorded.get(event.id());
            String projectId = taken == null ? projectIds.putIfAbsent(event.id(), event.projectId()) : taken;
            if (projectId == null) {
                events.add(event);
            } else if (projectId.equals(event.projectId())) {
                recordedAlready.add(event.id());
            } else {
                throw new EventLedgerException(
                        "the events can't be recorded: another project has the id \"" + event.id()
                                + "\"; record it under another one",
                        null);
            }
        }
        return new UnrecordedEvents(events, recordedAlready);
    }
}
