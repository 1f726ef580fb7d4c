package io.usagekit.postgres.events;

import io.usagekit.events.EventOrder;
import io.usagekit.events.Scan;
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

    static LedgerCall bindTo(LedgerCall call, Scan scan) {
        scan.beyond()
                .ifPresent(place -> call.instant("beyond_at", place.createdAt()).text("beyond_id", place.id()));
        return call.number("most", scan.limit());
    }
}
