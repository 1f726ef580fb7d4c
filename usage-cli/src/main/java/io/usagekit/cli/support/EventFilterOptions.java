package io.usagekit.cli.support;

import io.usagekit.events.EventFilter;
import java.time.DateTimeException;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Which events. What isn't given doesn't restrict; the empty text asks for those that have none. */
public final class EventFilterOptions {

    @Mixin
    private EventWindowOptions window = new EventWindowOptions();

    @Option(names = "--endpoint", paramLabel = "ID", description = "To be delivered to it, or to another one given.")
    private @Nullable List<String> endpoints;

    @Option(names = "--owner", paramLabel = "ID", description = "To be delivered to an endpoint of this owner.")
    private @Nullable String owner;

    @Option(names = "--source", paramLabel = "ID", description = "From it, or from another one given.")
    private @Nullable List<String> sources;

    @Option(names = "--key", paramLabel = "KEY", description = "With this idempotency key, duplicates included.")
    private @Nullable String key;

    @Option(names = "--message", paramLabel = "ID", description = "With this message id of the broker's.")
    private @Nullable String message;

    @Option(names = "--type", paramLabel = "TYPE", description = "Of this type.")
    private @Nullable String type;

    @Option(names = "--status", paramLabel = "STATUS", description = "In this status.")
    private @Nullable String status;

    @Option(names = "--text", paramLabel = "WORDS", description = "With all of these words, where it is tokenised.")
    private @Nullable String text;

    @Option(
            names = "--search",
            paramLabel = "QUERY",
            description = "That meet it, where it is tokenised: \"pull request\" OR push -draft")
    private @Nullable String search;

    @Option(names = "--deleted", description = "Deleted ones, too.")
    private boolean deleted;

    public EventFilter filter() {
        EventFilter.Builder filter = EventFilter.builder().window(window.window());
        set(endpoints, filter::endpointIds);
        set(owner, filter::ownerId);
        set(sources, filter::sourceIds);
        set(key, filter::idempotencyKey);
        set(message, filter::brokerMessageId);
        set(type, filter::type);
        set(status, filter::status);
        set(text, filter::text);
        set(search, filter::search);
        return filter.state(deleted ? EventFilter.State.ANY : EventFilter.State.LIVE)
                .build();
    }

    private static <T> void set(@Nullable T value, Consumer<T> knob) {
        if (value != null) {
            knob.accept(value);
        }
    }

    public static Instant instant(String option, String text) {
        try {
            return OffsetDateTime.parse(text).toInstant();
        } catch (DateTimeException e) {
            throw new IllegalArgumentException(
                    option + " must be an instant (2026-03-17T09:30:00Z), but was '" + text + "'", e);
        }
    }
}
