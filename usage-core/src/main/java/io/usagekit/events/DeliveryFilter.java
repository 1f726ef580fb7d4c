package io.usagekit.events;

import io.usagekit.internal.CanonicalText;
import java.util.Collection;
import java.util.Collections;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Filter of a project's deliveries. A property that isn't set doesn't restrict; all that are set must be equal to the delivery's.
 * Immutable.
 *
 * @since 0.1
 */
public final class DeliveryFilter {

    /** All deliveries. */
    public static final DeliveryFilter ALL = builder().build();

    /** How many statuses a filter has at most. */
    public static final int MAX_STATUSES = 20;

    private final Builder values;

    private DeliveryFilter(Builder values) {
        this.values = values;
    }

    /** Creates a builder that selects all deliveries. */
    public static Builder builder() {
        return new Builder();
    }

    /** When they were made. */
    public EventWindow window() {
        return values.window;
    }

    /** Of which event they are; empty: of any. */
    public Optional<String> eventId() {
        return values.eventId;
    }

    /** Where they went; empty: anywhere. */
    public Optional<String> endpointId() {
        return values.endpointId;
    }

    /** One of which they have; empty: any. */
    public Optional<Set<String>> statuses() {
        return values.statuses;
    }

    /** Whether a delivery meets it. */
    public boolean matches(Delivery delivery) {
        return values.window.contains(delivery.createdAt())
                && values.eventId.map(delivery.eventId()::equals).orElse(true)
                && values.endpointId.map(delivery.endpointId()::equals).orElse(true)
                && values.statuses.map(all -> all.contains(delivery.status())).orElse(true);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof DeliveryFilter that && description().equals(that.description());
    }

    @Override
    public int hashCode() {
        return description().hashCode();
    }

    /** For logs. */
    @Override
    public String toString() {
        return description();
    }

    /** Canonical text of this filter: the same for equal filters and no others, in every process. Cursors are bound to it. */
    public String description() {
        CanonicalText text = new CanonicalText();
        text.add("from", values.window.from().map(String::valueOf));
        text.add("before", values.window.before().map(String::valueOf));
        text.add("eventId", values.eventId);
        text.add("endpointId", values.endpointId);
        text.addAll("statuses", values.statuses);
        return text.toString();
    }

    /**
     * Describes a filter. Not thread-safe.
     *
     * @since 0.1
     */
    public static final class Builder {
        private EventWindow window = EventWindow.ALL;
        private Optional<String> eventId = Optional.empty();
        private Optional<String> endpointId = Optional.empty();
        private Optional<Set<String>> statuses = Optional.empty();

        private Builder() {}

        private Builder(Builder other) {
            window = other.window;
            eventId = other.eventId;
            endpointId = other.endpointId;
            statuses = other.statuses;
        }

        /** Made in this window. */
        public Builder window(EventWindow window) {
            this.window = Objects.requireNonNull(window, "window");
            return this;
        }

        /** Of this event. */
        public Builder eventId(String eventId) {
            this.eventId = Optional.of(Bounds.id("eventId", eventId));
            return this;
        }

        /** To this endpoint; the empty text: to no endpoint in particular. */
        public Builder endpointId(String endpointId) {
            this.endpointId = Optional.of(Bounds.word("endpointId", endpointId));
            return this;
        }

        /**
         * In one of these statuses; none: no delivery meets it.
         *
         * @param statuses at most {@value #MAX_STATUSES} different ones
         */
        public Builder statuses(Collection<String> statuses) {
            Set<String> distinct = new TreeSet<>();
            for (String status : statuses) {
                distinct.add(Bounds.word("statuses", status));
            }
            if (distinct.size() > MAX_STATUSES) {
                throw new IllegalArgumentException(
                        "statuses must have at most " + MAX_STATUSES + " different ones, but has " + distinct.size());
            }
            this.statuses = Optional.of(Collections.unmodifiableSet(distinct));
            return this;
        }

        /** What is set. */
        public DeliveryFilter build() {
            return new DeliveryFilter(new Builder(this));
        }
    }
}
