package io.usagekit.postgres.events;

import static io.usagekit.postgres.internal.SqlType.BYTES;
import static io.usagekit.postgres.internal.SqlType.FLAG;
import static io.usagekit.postgres.internal.SqlType.FLAGS;
import static io.usagekit.postgres.internal.SqlType.INSTANT;
import static io.usagekit.postgres.internal.SqlType.INSTANTS;
import static io.usagekit.postgres.internal.SqlType.MANY_BYTES;
import static io.usagekit.postgres.internal.SqlType.NUMBER;
import static io.usagekit.postgres.internal.SqlType.NUMBERS;
import static io.usagekit.postgres.internal.SqlType.TEXT;
import static io.usagekit.postgres.internal.SqlType.TEXTS;

import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlRow;
import io.usagekit.postgres.internal.SqlSignature;
import io.usagekit.postgres.internal.SqlType;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The ledger's statements, which stand in the files of {@link LedgerSql#FILES} under the same names, with the parameters that are
 * bound and the columns that are read. A {@link SqlCall} and a {@link SqlRow} reject anything else, and the build compares these
 * declarations with PostgreSQL's description of the statement.
 */
@SuppressWarnings("ImmutableEnumChecker") // maps that nobody changes, and an Optional
enum LedgerStatement {
    SAVE_PROJECT(names().with("id", TEXT).with("organisation_id", TEXT).with("name", TEXT), names()),
    SAVE_ENDPOINT(
            names().with("id", TEXT)
                    .with("project_id", TEXT)
                    .with("owner_id", TEXT)
                    .with("name", TEXT),
            names()),
    SAVE_SOURCE(
            names().with("id", TEXT).with("project_id", TEXT).with("name", TEXT).with("type", TEXT), names()),
    LOCK_KEYS(
            names().with("project_ids", TEXTS).with("idempotency_keys", TEXTS).with("table", TEXT),
            names().with("locked", TEXT).with("is_partitioned", FLAG)),
    LOCK_KEY(names().with("project_id", TEXT).with("idempotency_key", TEXT), names().with("locked", FLAG)),
    INSERT_EVENT(newEvent(), recordedEvent()),
    INSERT_KEYED_EVENT(newEvent(), recordedEvent()),
    INSERT_EVENTS(newEvents(), recordedEvents()),
    INSERT_KEYED_EVENTS(newEvents(), recordedEvents()),
    INSERT_KEYED_EVENTS_INTO_PARTITIONS(newEvents(), recordedEvents()),
    FIND_RECORDED_IDS(
            names().with("ids", TEXTS).with("table", TEXT),
            names().with("id", TEXT).with("project_id", TEXT)),
    INSERT_ENDPOINTS(
            names().with("event_id", TEXT)
                    .with("project_id", TEXT)
                    .with("created_at", INSTANT)
                    .with("endpoint_ids", TEXTS),
            names()),
    INSERT_DELIVERIES(
            names().with("ids", TEXTS)
                    .with("project_ids", TEXTS)
                    .with("event_ids", TEXTS)
                    .with("endpoint_ids", TEXTS)
                    .with("statuses", TEXTS)
                    .with("created_ats", INSTANTS)
                    .with("failure_reasons", TEXTS)
                    .with("metadata", TEXTS)
                    .with("table", TEXT),
            names().with("id", TEXT).with("has_unchecked_id", FLAG)),
    LOCK_IDS(names().with("ids", TEXTS).with("table", TEXT), names().with("locked", TEXT)),
    FIND_SHARED_ID(names().with("ids", TEXTS), names().with("id", TEXT)),
    ENTER_IDS(names(), names().with("entered", TEXT)),
    FIND_TIMES_OF_IDS(names().with("ids", TEXTS), timesOfEntries()),
    FIND_TIMES_OF_KEY(names().with("project_id", TEXT).with("idempotency_key", TEXT), timesOfEntries()),
    FIND_EVENTS(names().with("project_id", TEXT).with("ids", TEXTS), event()),
    FIND_EVENT_WITH_SOURCE(
            names().with("project_id", TEXT).with("id", TEXT),
            event().with("known_source_id", TEXT).with("source_name", TEXT).with("source_type", TEXT)),
    FIND_FIRST_EVENT(names().with("project_id", TEXT).with("idempotency_key", TEXT), event()),
    IS_RECORDED(names().with("project_id", TEXT).with("idempotency_key", TEXT), names().with("answer", FLAG)),
    FIND_ENDPOINT_IDS(names().with("project_id", TEXT).with("id", TEXT), names().with("endpoint_id", TEXT)),
    LIST_NEXT_PROJECTS(names().with("after", TEXT).with("limit", NUMBER), names().with("id", TEXT)),
    FIND_ENDPOINTS_OF_EVENTS(
            names().with("project_id", TEXT)
                    .with("ids", TEXTS)
                    .with("created_ats", INSTANTS)
                    .with("octets", NUMBER),
            names().with("endpoint_ids", TEXTS)),
    FIND_DELIVERY(names().with("project_id", TEXT).with("id", TEXT), delivery()),
    FIND_DELIVERIES(names().with("project_id", TEXT).with("ids", TEXTS), delivery()),
    FIND_DELIVERY_STATUSES(names().with("project_id", TEXT), names().with("status", TEXT)),
    PAGE_DELIVERIES(
            names().with("project_id", TEXT)
                    .with("statuses", TEXTS)
                    .with("limit", NUMBER)
                    .with("octets", NUMBER),
            delivery()),
    PAGE_DELIVERIES_OF_EVENT(
            names().with("project_id", TEXT)
                    .with("event_id", TEXT)
                    .with("limit", NUMBER)
                    .with("octets", NUMBER),
            delivery()),
    COUNT_DELIVERIES(
            names().with("project_id", TEXT)
                    .with("by_day", FLAG)
                    .with("by_endpoint", FLAG)
                    .with("by_status", FLAG),
            names().with("day", INSTANT)
                    .with("endpoint_id", TEXT)
                    .with("status", TEXT)
                    .with("deliveries", NUMBER)),
    UPDATE_DELIVERY_STATUSES(
            names().with("project_id", TEXT)
                    .with("ids", TEXTS)
                    .with("first", INSTANT)
                    .with("last", INSTANT)
                    .with("status", TEXT)
                    .with("now", INSTANT),
            names()),
    TOUCH_EVENT(
            names().with("project_id", TEXT).with("id", TEXT).with("now", INSTANT),
            names().with("created_at", INSTANT)),
    DELETE_ENDPOINTS(names().with("event_id", TEXT), names()),
    UPDATE_STATUS(newStatus(), names()),
    UPDATE_DELIVERY_STATUS(newStatus().with("failure_reason", TEXTS), names()),
    COUNT_EVENTS(names().with("project_id", TEXT), names().with("events", NUMBER)),
    PAGE_EVENTS(names().with("project_id", TEXT).with("limit", NUMBER).with("octets", NUMBER), event()),
    FIND_OWNED_ENDPOINTS(names().with("project_id", TEXT).with("owner_id", TEXT), names().with("id", TEXT)),
    PAGE_ENDPOINT_KEYS(
            names().with("project_id", TEXT).with("endpoint_ids", TEXTS).with("limit", NUMBER),
            names().with("endpoint_id", TEXT).with("created_at", INSTANT).with("id", TEXT)),
    WALK_ENDPOINT_KEYS(
            names().with("project_id", TEXT).with("endpoint_ids", TEXTS).with("limit", NUMBER),
            names().with("created_at", INSTANT).with("id", TEXT).with("is_met", FLAG)),
    PAGE_EVENTS_OF_KEYS(
            names().with("project_id", TEXT)
                    .with("ids", TEXTS)
                    .with("created_ats", INSTANTS)
                    .with("limit", NUMBER)
                    .with("octets", NUMBER),
            event()),
    EXPORT_EVENTS(names().with("project_id", TEXT).with("limit", NUMBER).with("octets", NUMBER), event()),
    READ_RAW(part(), names().with("part", TEXT)),
    READ_DATA(part(), names().with("part", BYTES)),
    PAGE_RECEIVED(figure().with("limit", NUMBER).with("octets", NUMBER), event()),
    PAGE_SENT(figure().with("limit", NUMBER).with("octets", NUMBER), delivery().with("bytes", NUMBER)),
    TOKENISE_EVENTS(names().with("project_id", TEXT).with("limit", NUMBER), batch()),
    FIND_WORDS(
            names().with("project_id", TEXT)
                    .with("text", TEXT)
                    .with("blocks", NUMBERS)
                    .with("limit", NUMBER),
            names().with("project_id", TEXT).with("created_at", INSTANT).with("id", TEXT)),
    WALK_EVENTS_FOR_WORDS(
            names().with("project_id", TEXT).with("text", TEXT).with("limit", NUMBER),
            names().with("created_at", INSTANT).with("id", TEXT).with("is_met", FLAG)),
    DELETE_TOKENS(
            names().with("project_id", TEXT)
                    .with("from", INSTANT)
                    .with("before", INSTANT)
                    .with("limit", NUMBER),
            batch()),
    SOFT_DELETE_EVENTS(names().with("project_id", TEXT).with("now", INSTANT).with("limit", NUMBER), batch()),
    LOCK_UNDELIVERED_EVENTS(
            names().with("project_id", TEXT).with("limit", NUMBER),
            names().with("id", TEXT).with("created_at", INSTANT)),
    DELETE_UNDELIVERED_EVENTS(
            names().with("project_id", TEXT)
                    .with("ids", TEXTS)
                    .with("first", INSTANT)
                    .with("last", INSTANT),
            names().with("events", NUMBER)),
    HAS_TRIGGER(names().with("table", TEXT).with("name", TEXT).with("patterns", TEXTS), names().with("answer", FLAG)),
    ARE_FUNCTIONS_CURRENT(names(), names().with("answer", FLAG)),
    ARE_ENDPOINTS_FILLED(names(), names().with("answer", FLAG)),
    DELETE_ORPHANED_WORDS(names(), names()),
    MOVE_WORDS(names(), names()),
    LIST_PROJECTS(names(), names().with("id", TEXT)),
    FILL_ENDPOINTS(names().with("project_id", TEXT).with("limit", NUMBER), batch()),
    FILL_INFINITE_ENDPOINTS(names().with("project_id", TEXT), names()),
    FILL_ALL_ENDPOINTS(names(), names()),
    ARE_IDS_ENTERED(names(), names().with("answer", FLAG)),
    MAY_ENTER_IDS(names(), names().with("answer", FLAG)),
    LIST_UNENTERED_PARTITIONS(names(), names().with("partition", NUMBER)),
    ENTER_IDS_OF(
            names().with("partition", NUMBER).with("after", TEXTS).with("limit", NUMBER), names().with("last", TEXT)),
    LIST_ENTERED_PARTITION(names().with("partition", NUMBER), names().with("entered", TEXT)),
    DELETE_OLD_IDS(names().with("limit", NUMBER), names().with("deleted", NUMBER)),
    ENTER_ALL_IDS(names(), names().with("entered", TEXT));

    /** Placeholder of the conditions of a filter of events. */
    static final String EVENT_FILTER = "filter";

    /** Placeholder of the conditions of a filter of deliveries. */
    static final String DELIVERY_FILTER = "delivery-filter";

    /** Placeholder of the conditions of a window, where those of a filter can't stand. */
    static final String WINDOW = "window";

    /** Names and their types, in their order. */
    static final class Names {
        private final Map<String, SqlType> types = new LinkedHashMap<>();

        private Names with(String name, SqlType type) {
            types.put(name, type);
            return this;
        }
    }

    private final SqlSignature signature;
    private final String sqlName;
    private final Optional<String> filterPlaceholder;

    LedgerStatement(Names parameters, Names columns) {
        this.signature = new SqlSignature(parameters.types, columns.types);
        this.sqlName = name().toLowerCase(Locale.ROOT).replace('_', '-');
        String text = LedgerSql.FILES.text(sqlName);
        this.filterPlaceholder = Stream.of(EVENT_FILTER, DELIVERY_FILTER, WINDOW)
                .filter(name -> text.contains("{" + name + "}"))
                .findFirst();
    }

    private static Names names() {
        return new Names();
    }

    private static Names newEvent() {
        return names().with("id", TEXT)
                .with("project_id", TEXT)
                .with("event_type", TEXT)
                .with("raw", TEXT)
                .with("data", BYTES)
                .with("source_id", TEXT)
                .with("idempotency_key", TEXT)
                .with("status", TEXT)
                .with("headers", TEXT)
                .with("created_at", INSTANT)
                .with("acknowledged_at", TEXT)
                .with("url_path", TEXT)
                .with("url_query_params", TEXT)
                .with("metadata", TEXT)
                .with("unbilled", FLAG)
                .with("endpoint_ids", TEXTS);
    }

    private static Names newEvents() {
        return names().with("ids", TEXTS)
                .with("project_ids", TEXTS)
                .with("event_types", TEXTS)
                .with("raws", TEXTS)
                .with("datas", MANY_BYTES)
                .with("source_ids", TEXTS)
                .with("idempotency_keys", TEXTS)
                .with("repeats", FLAGS)
                .with("statuses", TEXTS)
                .with("headers", TEXTS)
                .with("created_ats", INSTANTS)
                .with("acknowledged_ats", TEXTS)
                .with("url_paths", TEXTS)
                .with("url_query_params", TEXTS)
                .with("metadata", TEXTS)
                .with("unbilled", FLAG)
                .with("event_ids", TEXTS)
                .with("endpoint_ids", TEXTS)
                .with("table", TEXT);
    }

    private static Names recordedEvent() {
        return names().with("is_duplicate", FLAG)
                .with("payload_bytes", NUMBER)
                .with("created_at", INSTANT)
                .with("deleted_at", INSTANT);
    }

    private static Names recordedEvents() {
        return names().with("id", TEXT)
                .with("project_id", TEXT)
                .with("is_duplicate", FLAG)
                .with("payload_bytes", NUMBER)
                .with("created_at", INSTANT)
                .with("deleted_at", INSTANT)
                .with("has_unchecked_id", FLAG)
                .with("has_old_endpoints", FLAG);
    }

    private static Names timesOfEntries() {
        return names().with("has_children", FLAG)
                .with("are_entered", FLAG)
                .with("entries", NUMBER)
                .with("first", INSTANT)
                .with("last", INSTANT);
    }

    private static Names event() {
        return names().with("id", TEXT)
                .with("project_id", TEXT)
                .with("event_type", TEXT)
                .with("raw", TEXT)
                .with("data", BYTES)
                .with("payload_bytes", NUMBER)
                .with("source_id", TEXT)
                .with("idempotency_key", TEXT)
                .with("is_duplicate", FLAG)
                .with("status", TEXT)
                .with("headers", TEXT)
                .with("created_at", INSTANT)
                .with("deleted_at", INSTANT)
                .with("acknowledged_at", INSTANT)
                .with("updated_at", INSTANT)
                .with("url_path", TEXT)
                .with("url_query_params", TEXT)
                .with("metadata", TEXT);
    }

    private static Names newStatus() {
        return names().with("project_id", TEXT)
                .with("id", TEXT)
                .with("status", TEXT)
                .with("now", INSTANT);
    }

    private static Names part() {
        return names().with("project_id", TEXT)
                .with("id", TEXT)
                .with("created_at", INSTANT)
                .with("start", NUMBER)
                .with("length", NUMBER);
    }

    private static Names figure() {
        return names().with("organisation_id", TEXT).with("start", INSTANT).with("end", INSTANT);
    }

    private static Names batch() {
        return names().with("changed", NUMBER).with("last_created_at", INSTANT).with("last_id", TEXT);
    }

    private static Names delivery() {
        return names().with("id", TEXT)
                .with("project_id", TEXT)
                .with("event_id", TEXT)
                .with("endpoint_id", TEXT)
                .with("status", TEXT)
                .with("created_at", INSTANT)
                .with("failure_reason", TEXT)
                .with("metadata", TEXT)
                .with("updated_at", INSTANT);
    }

    /** Its name in the resource files. */
    String sqlName() {
        return sqlName;
    }

    /** What stands for the conditions of a filter in it, one of the constants; empty if it takes none. */
    Optional<String> filterPlaceholder() {
        return filterPlaceholder;
    }

    /** Whether it reads a page. */
    boolean takesScan() {
        return LedgerSql.FILES.text(sqlName).contains("{keyset-condition}");
    }

    /** What is bound and read where no filter is given. */
    SqlSignature signature() {
        return signature;
    }

    /** What is bound, besides what a filter binds. */
    Map<String, SqlType> parameters() {
        return signature.parameters();
    }

    /** What is read, in the order of columns. */
    Map<String, SqlType> columns() {
        return signature.columns();
    }
}
