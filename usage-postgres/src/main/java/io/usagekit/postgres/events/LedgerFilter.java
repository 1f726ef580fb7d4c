package io.usagekit.postgres.events;

import io.usagekit.events.EventFilter;
import io.usagekit.events.EventWindow;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlType;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/** The conditions of a filter: only those that are set stand in the statement, so that each is free to have its index used. */
final class LedgerFilter {

    /** A condition, one resource file each. */
    enum Part {
        LIVE,
        FROM,
        BEFORE,
        ENDPOINT_IDS,
        OWNER_ID,
        SOURCE_ID,
        SOURCE_IDS,
        IDEMPOTENCY_KEY,
        BROKER_MESSAGE_ID,
        EVENT_TYPE,
        STATUS,
        TEXT;

        private final String text = LedgerSql.part(resource());

        /** What it says, without comments. */
        String text() {
            return text;
        }

        /** What it binds, if it binds anything: its own name. */
        String parameter() {
            return name().toLowerCase(Locale.ROOT);
        }

        String resource() {
            return "events/filter-" + parameter().replace('_', '-') + ".sql";
        }
    }

    /** No condition: for statements that take none. */
    static final LedgerFilter NONE = new LedgerFilter();

    private final List<Part> parts = new ArrayList<>();
    private final Map<String, Object> values = new LinkedHashMap<>();

    private LedgerFilter() {}

    /** Of what has a time of its creation, but is no event. */
    static LedgerFilter of(EventWindow window) {
        LedgerFilter conditions = new LedgerFilter();
        window.from().ifPresent(from -> conditions.add(Part.FROM, from));
        window.before().ifPresent(before -> conditions.add(Part.BEFORE, before));
        return conditions;
    }

    static LedgerFilter of(EventFilter filter) {
        LedgerFilter conditions = of(filter.window());
        if (filter.state() == EventFilter.State.LIVE) {
            conditions.parts.add(Part.LIVE);
        }
        filter.endpointIds().ifPresent(ids -> conditions.add(Part.ENDPOINT_IDS, ids));
        filter.ownerId().ifPresent(id -> conditions.add(Part.OWNER_ID, id));
        filter.sourceIds().ifPresent(conditions::addSources);
        filter.idempotencyKey().ifPresent(key -> conditions.add(Part.IDEMPOTENCY_KEY, key));
        filter.brokerMessageId().ifPresent(id -> conditions.add(Part.BROKER_MESSAGE_ID, id));
        filter.type().ifPresent(type -> conditions.add(Part.EVENT_TYPE, type));
        filter.status().ifPresent(status -> conditions.add(Part.STATUS, status));
        filter.text().ifPresent(text -> conditions.add(Part.TEXT, text));
        return conditions;
    }

    private void addSources(Set<String> ids) {
        if (ids.size() == 1) {
            add(Part.SOURCE_ID, ids.iterator().next());
        } else {
            add(Part.SOURCE_IDS, ids);
        }
    }

    private void add(Part part, Object value) {
        parts.add(part);
        values.put(part.parameter(), value);
    }

    /** The same rows behind a scan's place. */
    LedgerFilter behind(Scan scan) {
        LedgerFilter narrowed = new LedgerFilter();
        narrowed.parts.addAll(parts);
        narrowed.values.putAll(values);
        narrowed.values.computeIfPresent(Part.FROM.parameter(), (name, from) -> LedgerScan.from((Instant) from, scan));
        narrowed.values.computeIfPresent(
                Part.BEFORE.parameter(), (name, before) -> LedgerScan.before((Instant) before, scan));
        return narrowed;
    }

    /** What stands in the statement. */
    String sql() {
        return parts.stream().map(Part::text).collect(Collectors.joining("\n    "));
    }

    /** What is bound, by name. */
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
