package io.usagekit.cli.support;

import io.usagekit.events.EventWindow;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** A window of time; all of it where an end isn't given. */
public final class EventWindowOptions {

    @Option(names = "--from", paramLabel = "INSTANT", description = "Created then or later (2026-03-17T09:30:00Z).")
    private @Nullable String from;

    @Option(names = "--before", paramLabel = "INSTANT", description = "Created before it.")
    private @Nullable String before;

    public EventWindow window() {
        return new EventWindow(
                Optional.ofNullable(from).map(instant -> EventFilterOptions.instant("--from", instant)),
                Optional.ofNullable(before).map(instant -> EventFilterOptions.instant("--before", instant)));
    }
}
