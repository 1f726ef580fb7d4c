package io.usagekit.postgres.events;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.events.Event;
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
            EventRepository ledger = PostgresLedger.of(pool, args[1]).repository();
            UsageKey month = new UsageKey("org-1", UsagePeriod.parse("2026-03"));
            System.out.printf(
                    Locale.ROOT,
                    "%,d events of the project, %,d received%n",
                    count(request -> ledger.page(args[2], EventFilter.ALL, request)),
                    count(request -> ledger.received(month, request)));
        }
    }

    private static int count(Function<PageRequest, Page<Event>> pages) {
        PageRequest first = PageRequest.first(PageRequest.MAX_SIZE, EventOrder.ASCENDING);
        int events = 0;
        Optional<PageRequest> next = Optional.of(first);
        while (next.isPresent()) {
            Page<Event> page = pages.apply(next.get());
            events += page.items().size();
            next = page.next().map(first::at);
        }
        return events;
    }
}
