package io.usagekit.postgres.events;

import io.usagekit.events.EventOrder;
import io.usagekit.events.spi.Position;
import io.usagekit.events.spi.Scan;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlType;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;

/** How a scan stands in a statement. */
final class LedgerScan {

    static final String BEYOND = "{beyond}";

    private static final String BEYOND_SQL = LedgerSql.part("events/beyond.sql");

    private LedgerScan() {}

    /** The statement with the scan's order and place. */
    static String fill(String text, Scan scan) {
        boolean ascending = scan.order() == EventOrder.ASCENDING;
        return text.replace(BEYOND, scan.beyond().isPresent() ? BEYOND_SQL : "")
                .replace("{behind}", ascending ? ">" : "<")
                .replace("{order}", ascending ? "asc" : "desc");
    }

    /** What is bound, by name. */
    static Map<String, SqlType> parameters(Scan scan) {
        return scan.beyond().isPresent() ? Map.of("beyond_at", SqlType.INSTANT, "beyond_id", SqlType.TEXT) : Map.of();
    }

    /**
     * Where a window begins behind the scan's place. PostgreSQL enters an index at one of the conditions on its first column, and
     * not always at the tightest: both are to be as tight.
     */
    static Instant from(Instant from, Scan scan) {
        return scan.beyond()
                .map(Position::createdAt)
                .filter(at -> scan.order() == EventOrder.ASCENDING && at.isAfter(from))
                .orElse(from);
    }

    /** Where a window ends before the scan's place, of which it has the microsecond. */
    static Instant before(Instant before, Scan scan) {
        return scan.beyond()
                .map(place -> place.createdAt().plus(1, ChronoUnit.MICROS))
                .filter(after -> scan.order() == EventOrder.DESCENDING && after.isBefore(before))
                .orElse(before);
    }

    static SqlCall bindTo(SqlCall call, Scan scan) {
        scan.beyond()
                .ifPresent(place -> call.instant("beyond_at", place.createdAt()).text("beyond_id", place.id()));
        return call.number("most", scan.limit());
    }
}
