package io.usagekit.postgres.events;

import io.usagekit.events.DeliveryFilter;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventWindow;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlType;
import io.usagekit.postgres.internal.paging.KeysetScan;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The conditions of a filter in a statement, and the values that they bind. Only conditions that are set stand in the statement, so that
 * each may use its own index.
 */
final class LedgerFilter {

    /** A condition: the fragment with its name, of events in {@code events/filter.sql}, of deliveries in {@code events/deliveries.sql}. */
    enum Condition {
        LIVE,
        FROM,
        BEFORE,
        ENDPOINT_IDS,
        /** The same for each event. */
        EACH_ENDPOINT_IDS("endpoint_ids"),
        SOURCE_ID,
        SOURCE_IDS,
        IDEMPOTENCY_KEY,
        BROKER_MESSAGE_ID,
        EVENT_TYPE,
        STATUS,
        TEXT,
        /** The same for each event. */
        EACH_TEXT("text"),
        EVENT_ID,
        ENDPOINT_ID,
        STATUSES;

        /** Those of deliveries, besides the window's. */
        static final Set<Condition> OF_DELIVERIES = Set.of(EVENT_ID, ENDPOINT_ID, STATUSES);

        private final String parameter;

        Condition() {
            parameter = inLowerCase();
        }

        Condition(String parameter) {
            this.parameter = parameter;
        }

        private String inLowerCase() {
            return name().toLowerCase(Locale.ROOT);
        }

        /** The name of what it binds, if it binds anything. */
        String parameter() {
            return parameter;
        }

        /** The name of its fragment. */
        String fragment() {
            return "filter-" + inLowerCase().replace('_', '-');
        }
    }

    /** No conditions: for statements that take none. */
    static final LedgerFilter NONE = new LedgerFilter();

    private final List<Condition> set = new ArrayList<>();
    private final Map<String, Object> values = new LinkedHashMap<>();

    private LedgerFilter() {}

    /** The conditions of a window, for rows of any kind that have a time of creation. */
    static LedgerFilter of(EventWindow window) {
        LedgerFilter conditions = new LedgerFilter();
        window.from().ifPresent(from -> conditions.add(Condition.FROM, from));
        window.before().ifPresent(before -> conditions.add(Condition.BEFORE, before));
        return conditions;
    }

    /** The conditions of a filter of events, without those of endpoints and words. */
    static LedgerFilter of(EventFilter filter) {
        LedgerFilter conditions = of(filter.window());
        if (filter.state() == EventFilter.State.LIVE) {
            conditions.set.add(Condition.LIVE);
        }
        filter.sourceIds().ifPresent(conditions::addSources);
        filter.idempotencyKey().ifPresent(key -> conditions.add(Condition.IDEMPOTENCY_KEY, key));
        filter.brokerMessageId().ifPresent(id -> conditions.add(Condition.BROKER_MESSAGE_ID, id));
        filter.type().ifPresent(type -> conditions.add(Condition.EVENT_TYPE, type));
        filter.status().ifPresent(status -> conditions.add(Condition.STATUS, status));
        return conditions;
    }

    /** The conditions of a filter of deliveries. */
    static LedgerFilter of(DeliveryFilter filter) {
        LedgerFilter conditions = ofAnyStatus(filter);
        return filter.statuses().map(conditions::inStatuses).orElse(conditions);
    }

    /** The conditions of a filter of deliveries, without those of statuses. */
    static LedgerFilter ofAnyStatus(DeliveryFilter filter) {
        LedgerFilter conditions = of(filter.window());
        filter.eventId().ifPresent(id -> conditions.add(Condition.EVENT_ID, id));
        filter.endpointId().ifPresent(id -> conditions.add(Condition.ENDPOINT_ID, id));
        return conditions;
    }

    /** The same conditions for events that are to be delivered to one of these endpoints, all of which are looked up at once. */
    LedgerFilter deliveredTo(Set<String> endpointIds) {
        return with(Condition.ENDPOINT_IDS, endpointIds);
    }

    /** The same as {@link #deliveredTo} in statements that look up few events. */
    LedgerFilter eachDeliveredTo(Set<String> endpointIds) {
        return with(Condition.EACH_ENDPOINT_IDS, endpointIds);
    }

    /** The same conditions for events that contain the words of a text, all of which are looked up at once. */
    LedgerFilter containing(String text) {
        return with(Condition.TEXT, text);
    }

    /** The same as {@link #containing} in statements that look up few events. */
    LedgerFilter eachContaining(String text) {
        return with(Condition.EACH_TEXT, text);
    }

    private LedgerFilter with(Condition condition, Object value) {
        LedgerFilter more = copy();
        more.add(condition, value);
        return more;
    }

    /** The same conditions for deliveries in one of these statuses. */
    LedgerFilter inStatuses(Collection<String> statuses) {
        LedgerFilter conditions = copy();
        conditions.add(Condition.STATUSES, statuses);
        return conditions;
    }

    private LedgerFilter copy() {
        LedgerFilter copy = new LedgerFilter();
        copy.set.addAll(set);
        copy.values.putAll(values);
        return copy;
    }

    private void addSources(Set<String> ids) {
        if (ids.size() == 1) {
            add(Condition.SOURCE_ID, ids.iterator().next());
        } else {
            add(Condition.SOURCE_IDS, ids);
        }
    }

    private void add(Condition condition, Object value) {
        set.add(condition);
        values.put(condition.parameter(), value);
    }

    /** The same conditions with a window that is narrowed to what is left of it after a scan's page boundary. */
    LedgerFilter narrowedTo(Scan scan) {
        LedgerFilter narrowed = copy();
        narrowed.values.computeIfPresent(
                Condition.FROM.parameter(), (name, from) -> KeysetScan.from((Instant) from, scan));
        narrowed.values.computeIfPresent(
                Condition.BEFORE.parameter(), (name, before) -> KeysetScan.before((Instant) before, scan));
        return narrowed;
    }

    /**
     * The fragments that stand for the filter in a statement.
     *
     * @throws IllegalArgumentException if there are conditions, and the statement takes none
     */
    Map<String, String> fragments(LedgerStatement statement) {
        Optional<String> placeholder = statement.filterPlaceholder();
        if (placeholder.isPresent()) {
            return Map.of(
                    placeholder.get(),
                    set.stream()
                            .map(condition -> "{" + condition.fragment() + "}")
                            .collect(Collectors.joining("\n    ")));
        }
        if (this != NONE) {
            throw new IllegalArgumentException(statement + " takes no filter");
        }
        return Map.of();
    }

    /** The names and types of what {@link #bindTo} binds. */
    Map<String, SqlType> parameters() {
        Map<String, SqlType> types = new LinkedHashMap<>();
        values.forEach((name, value) -> types.put(name, typeOf(value)));
        return types;
    }

    private static SqlType typeOf(Object value) {
        if (value instanceof Instant) {
            return SqlType.INSTANT;
        }
        return value instanceof Collection ? SqlType.TEXTS : SqlType.TEXT;
    }

    SqlCall bindTo(SqlCall call) {
        values.forEach((name, value) -> {
            if (value instanceof Instant instant) {
                call.instant(name, instant);
            } else if (value instanceof Collection<?> ids) {
                call.texts(name, ids.stream().map(String::valueOf).toList());
            } else {
                call.text(name, String.valueOf(value));
            }
        });
        return call;
    }
}
