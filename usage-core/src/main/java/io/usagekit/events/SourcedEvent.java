package io.usagekit.events;

import java.util.Objects;
import java.util.Optional;

/**
 * An event and where it came from.
 *
 * @param source empty if it came from no source in particular, or from one that isn't saved
 * @since 0.1
 */
public record SourcedEvent(Event event, Optional<Source> source) {

    /** Checks that nothing is null. */
    public SourcedEvent {
        Objects.requireNonNull(event, "event");
        Objects.requireNonNull(source, "source");
    }
}
