package io.usagekit.postgres.events;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.events.DeliveryFilter;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.postgres.testing.Database;
import java.util.Locale;
import java.util.Optional;
import java.util.function.Function;

/** Pages through a project, and through what its organisation's figure counts, in a process whose heap is limited. */
final class PagesProcess {

    private PagesProcess() {}

    public static void main(String... args) {
        try (var pool = Database.pool(args[0])) {
            PostgresLedger ledger = PostgresLedger.of(pool, args[1]);
            EventRepository events = ledger.repository();
            UsageKey month = new UsageKey(args[3], UsagePeriod.parse("2026-03"));
            System.out.printf(
                    Locale.ROOT,
                    "%,d events and %,d deliveries of the project, %,d received, %,d sent%n",
                    count(request -> events.page(args[2], EventFilter.ALL, request)),
                    count(request -> ledger.deliveries().page(args[2], DeliveryFilter.ALL, request)),
                    count(request -> events.received(month, request)),
                    count(request -> events.sent(month, request)));
        }
    }

    private static <T> int count(Function<PageRequest, Page<T>> pages) {
        PageRequest first = PageRequest.first(PageRequest.MAX_SIZE, EventOrder.ASCENDING);
        int rows = 0;
        Optional<PageRequest> next = Optional.of(first);
        while (next.isPresent()) {
            Page<T> page = pages.apply(next.get());
            rows += page.items().size();
            next = page.next().map(first::at);
        }
        return rows;
    }
}
