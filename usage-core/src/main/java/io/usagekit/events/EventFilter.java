package io.usagekit.events;

import io.usagekit.internal.CanonicalText;
import java.util.Collection;
import java.util.Collections;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * Filter of a project's events. A property that isn't set doesn't restrict; all that are set must be equal to the event's.
 * The empty text isn't an absent filter: it selects the events without that property. An empty set of ids selects no event.
 * Immutable.
 *
 * @since 0.1
 */
public final class EventFilter {

    /** All live events. */
    public static final EventFilter ALL = builder().build();

    /** Events in which state. */
    public enum State {
        /** Those that aren't deleted. */
        LIVE,
        /** Soft-deleted ones, too: duplicates that aren't billed among them. */
        ANY
    }

    private final Builder values;

    private EventFilter(Builder values) {
        this.values = values;
    }

    /** Creates a builder that selects all live events. */
    public static Builder builder() {
        return new Builder();
    }

    /** When they were created. */
    public EventWindow window() {
        return values.window;
    }

    /** Whether deleted ones meet it. */
    public State state() {
        return values.state;
    }

    /** One of which they are to be delivered to; empty: any, or none. */
    public Optional<Set<String>> endpointIds() {
        return values.endpointIds;
    }

    /** Owner of an endpoint they are to be delivered to; empty: any, or none. */
    public Optional<String> ownerId() {
        return values.ownerId;
    }

    /** One of which they are from; empty: any, or none. */
    public Optional<Set<String>> sourceIds() {
        return values.sourceIds;
    }

    /** Which key they have; empty: any, or none. */
    public Optional<String> idempotencyKey() {
        return values.idempotencyKey;
    }

    /** Which message they came in; empty: any, or none. */
    public Optional<String> brokerMessageId() {
        return values.brokerMessageId;
    }

    /** Of which type they are; empty: any, or none. */
    public Optional<String> type() {
        return values.type;
    }

    /** In which status they are; empty: any, or none. */
    public Optional<String> status() {
        return values.status;
    }

    /** Which words they have; empty: any, or none. */
    public Optional<String> text() {
        return values.text;
    }

    /** Which query they meet; empty: any, or none. */
    public Optional<SearchQuery> search() {
        return values.search;
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof EventFilter that && description().equals(that.description());
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
        text.add("state", Optional.of(values.state.name()));
        text.addAll("endpointIds", values.endpointIds);
        text.add("ownerId", values.ownerId);
        text.addAll("sourceIds", values.sourceIds);
        text.add("idempotencyKey", values.idempotencyKey);
        text.add("brokerMessageId", values.brokerMessageId);
        text.add("type", values.type);
        text.add("status", values.status);
        text.add("text", values.text);
        text.add("search", values.search.map(SearchQuery::toString));
        return text.toString();
    }

    /**
     * Describes a filter. Not thread-safe.
     *
     * @since 0.1
     */
    public static final class Builder {
        private EventWindow window = EventWindow.ALL;
        private State state = State.LIVE;
        private Optional<Set<String>> endpointIds = Optional.empty();
        private Optional<String> ownerId = Optional.empty();
        private Optional<Set<String>> sourceIds = Optional.empty();
        private Optional<String> idempotencyKey = Optional.empty();
        private Optional<String> brokerMessageId = Optional.empty();
        private Optional<String> type = Optional.empty();
        private Optional<String> status = Optional.empty();
        private Optional<String> text = Optional.empty();
        private Optional<SearchQuery> search = Optional.empty();

        private Builder() {}

        private Builder(Builder other) {
            window = other.window;
            state = other.state;
            endpointIds = other.endpointIds;
            ownerId = other.ownerId;
            sourceIds = other.sourceIds;
            idempotencyKey = other.idempotencyKey;
            brokerMessageId = other.brokerMessageId;
            type = other.type;
            status = other.status;
            text = other.text;
            search = other.search;
        }

        /** Created in this window. */
        public Builder window(EventWindow window) {
            this.window = Objects.requireNonNull(window, "window");
            return this;
        }

        /** In this state; {@link State#LIVE} by default. */
        public Builder state(State state) {
            this.state = Objects.requireNonNull(state, "state");
            return this;
        }

        /** To be delivered to at least one of these; with an owner as well, to one of these that is the owner's. */
        public Builder endpointIds(Collection<String> endpointIds) {
            this.endpointIds =
                    Optional.of(Collections.unmodifiableSet(new TreeSet<>(Bounds.ids("endpointIds", endpointIds))));
            return this;
        }

        /** To be delivered to at least one endpoint of this owner; the empty text: to one without an owner. */
        public Builder ownerId(String ownerId) {
            this.ownerId = Optional.of(Bounds.word("ownerId", ownerId));
            return this;
        }

        /** From one of these; the empty text: from no source in particular. */
        public Builder sourceIds(Collection<String> sourceIds) {
            Set<String> distinct = new TreeSet<>();
            for (String id : sourceIds) {
                distinct.add(Bounds.word("sourceIds", id));
            }
            this.sourceIds = Optional.of(Collections.unmodifiableSet(distinct));
            return this;
        }

        /** With this key, duplicates included; the empty text: without one. */
        public Builder idempotencyKey(String idempotencyKey) {
            this.idempotencyKey = Optional.of(Bounds.word("idempotencyKey", idempotencyKey));
            return this;
        }

        /** With this header {@value Event#BROKER_MESSAGE_ID}; the empty text: without one. */
        public Builder brokerMessageId(String brokerMessageId) {
            this.brokerMessageId = Optional.of(Bounds.word("brokerMessageId", brokerMessageId));
            return this;
        }

        /** Of this type; the empty text: of none. */
        public Builder type(String type) {
            this.type = Optional.of(Bounds.word("type", type));
            return this;
        }

        /** In this status; the empty text: in none. */
        public Builder status(String status) {
            this.status = Optional.of(Bounds.word("status", status));
            return this;
        }

        /**
         * With all of these words in its type or in the text of its payload, in any order and whatever their case, as far as that
         * {@linkplain EventRepository#tokenise has been tokenised}. ASCII characters other than letters and digits separate words; no event
         * meets a text without words.
         */
        public Builder text(String text) {
            this.text = Optional.of(Bounds.word("text", text));
            return this;
        }

        /**
         * That meet a query of words, phrases, alternatives and exclusions, as far as they
         * {@linkplain EventRepository#tokenise have been tokenised}. {@link #text} takes operators as plain words.
         *
         * @param search as {@link SearchQuery#parse} reads it
         * @throws IllegalArgumentException if it is no query
         */
        public Builder search(String search) {
            this.search = Optional.of(SearchQuery.parse(search));
            return this;
        }

        /** What is set. */
        public EventFilter build() {
            return new EventFilter(new Builder(this));
        }
    }
}
