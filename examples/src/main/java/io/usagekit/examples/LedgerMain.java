package io.usagekit.examples;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.events.Delivery;
import io.usagekit.events.Event;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.NewDelivery;
import io.usagekit.events.NewEvent;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.events.Payload;
import io.usagekit.events.Project;
import io.usagekit.postgres.events.PostgresLedger;
import java.time.YearMonth;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import org.postgresql.ds.PGSimpleDataSource;

/** What a figure is made of. */
public final class LedgerMain {

    private LedgerMain() {}

    /** Records an event and its delivery, and prints the events behind this month's figure. */
    public static void main(String... args) {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setURL(args[0]);
        // tag::quote
        PostgresLedger ledger = PostgresLedger.of(dataSource);
        ledger.install(); // once, at deployment
        EventRepository events = ledger.repository();

        events.save(new Project("shop", "org-7", "The shop"));
        Event event = events.record(NewEvent.builder("shop", "event-1")
                .type("order.created")
                .idempotencyKey("order-4711") // recorded again, it is a duplicate
                .payload(Payload.of("{\"order\": 4711}"))
                .endpointIds(List.of("warehouse", "accounting"))
                .build());
        events.recordDeliveries(List.of(
                new NewDelivery("delivery-1", "shop", event.id(), "warehouse", Delivery.SUCCESS, Optional.empty())));

        UsageKey figure = new UsageKey("org-7", UsagePeriod.month(YearMonth.now(ZoneOffset.UTC)));
        Page<Event> page = events.received(figure, PageRequest.first(100, EventOrder.DESCENDING));
        page.items().forEach(e -> System.out.println(e.id() + " " + e.type() + " " + e.bytes() + " bytes"));
        page.next().ifPresent(cursor -> System.out.println("more behind " + cursor));
        // end::quote
    }
}
