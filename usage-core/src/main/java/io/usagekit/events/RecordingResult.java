package io.usagekit.events;

import java.util.List;

/**
 * Result of recording those of many events that weren't recorded yet. Each event that was given is in one of the lists, where an id
 * that was given twice is in both.
 *
 * @param recorded the events as they were recorded, in the order given
 * @param recordedAlready the ids of the others, in the order given: their project had an event with the id, or an earlier one of the same
 *     call has it
 * @since 0.1
 */
public record RecordingResult(List<Event> recorded, List<String> recordedAlready) {

    /** Copies the lists. */
    public RecordingResult {
        recorded = List.copyOf(recorded);
        recordedAlready = List.copyOf(recordedAlready);
    }
}
