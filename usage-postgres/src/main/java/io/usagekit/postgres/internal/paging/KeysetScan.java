package io.usagekit.postgres.internal.paging;

import io.usagekit.events.EventOrder;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlType;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.HashMap;
import java.util.Map;

/** The part of a statement that a scan is: its direction, its keyset condition and its limit. */
public final class KeysetScan {

    /** The statement's fragment of this name; a scan from the first row on has no such condition. */
    private static final String KEYSET_CONDITION = "keyset-condition";

    private KeysetScan() {}

    /** The fragments that stand for the scan's direction and page boundary. */
    public static Map<String, String> fragments(Scan scan) {
        boolean ascending = scan.order() == EventOrder.ASCENDING;
        Map<String, String> fragments = new HashMap<>();
        fragments.put("direction", ascending ? "asc" : "desc");
        fragments.put("comparison", ascending ? ">" : "<");
        if (scan.beyond().isEmpty()) {
            fragments.put(KEYSET_CONDITION, "");
        }
        return fragments;
    }

    /** The names and types of what {@link #bindTo} binds besides the limit. */
    public static Map<String, SqlType> parameters(Scan scan) {
        return scan.beyond().isPresent()
                ? Map.of("boundary_at", SqlType.INSTANT, "boundary_id", SqlType.TEXT)
                : Map.of();
    }

    /**
     * Where a window begins, or the page boundary where that is later. PostgreSQL enters an index at one of the conditions on its
     * first column, and not always at the tightest one: so both are equally tight.
     */
    public static Instant from(Instant from, Scan scan) {
        return scan.beyond()
                .map(Scan.Position::createdAt)
                .filter(at -> scan.order() == EventOrder.ASCENDING && at.isAfter(from))
                .orElse(from);
    }

    /** Where a window ends, or the page boundary where that is earlier, including its microsecond. */
    public static Instant before(Instant before, Scan scan) {
        return scan.beyond()
                .map(place -> place.createdAt().plus(1, ChronoUnit.MICROS))
                .filter(after -> scan.order() == EventOrder.DESCENDING && after.isBefore(before))
                .orElse(before);
    }

    /** Binds the page boundary, if there is one, and the limit. */
    public static SqlCall bindTo(SqlCall call, Scan scan) {
        scan.beyond()
                .ifPresent(
                        place -> call.instant("boundary_at", place.createdAt()).text("boundary_id", place.id()));
        return call.number("limit", scan.limit());
    }
}
