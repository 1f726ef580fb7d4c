package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.events.Event;
import io.usagekit.events.EventOrder;
import io.usagekit.events.EventRepository;
import io.usagekit.events.Page;
import io.usagekit.events.PageRequest;
import io.usagekit.events.SentDelivery;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.Layout;
import io.usagekit.postgres.testing.RandomRows;
import io.usagekit.postgres.testing.SourceTables;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The pages behind a figure of the combined query add up to it, over tables that were there before the ledger was, with all that a
 * hostile month has in them.
 */
class LedgerDrillDownIT {

    private static final int EVENTS = 500;

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void pagesAddUpToTheFigure(boolean countDeletedProjects) {
        long seed = Long.getLong("usagekit.seed", new Random().nextLong());
        System.out.println("LedgerDrillDownIT: -Dusagekit.seed=" + seed);
        Random random = new Random(seed);
        List<UsagePeriod> windows = RandomRows.windows(random);
        RandomRows rows = RandomRows.generate(random, windows, EVENTS);
        String schema = Database.newSchema("drill");
        SourceTables.write(schema, rows);
        Layout.OWN.create(schema);
        PostgresLedger.of(Database.pool(), schema).install();
        EventRepository ledger = PostgresLedger.builder(Database.pool())
                .schema(schema)
                .countDeletedProjects(countDeletedProjects)
                .build()
                .repository();
        var calculator = PostgresUsage.builder(Database.pool())
                .mapping(TableMapping.usagekit(schema))
                .countDeletedProjects(countDeletedProjects)
                .build();
        UsageMetrics all = UsageMetrics.ZERO;
        for (String organisation : rows.organisations()) {
            for (UsagePeriod window : windows) {
                UsageKey key = new UsageKey(organisation, window);
                EventOrder order = random.nextBoolean() ? EventOrder.ASCENDING : EventOrder.DESCENDING;
                PageRequest first = PageRequest.first(5 + random.nextInt(100), order);
                OrganisationUsage figure = calculator.calculate(key, Duration.ofSeconds(60));
                assertThat(sum(request -> ledger.received(key, request), first, Event::bytes))
                        .as("received, %s by %s, seed %s", key, first, seed)
                        .isEqualTo(figure.received());
                assertThat(sum(request -> ledger.sent(key, request), first, SentDelivery::bytes))
                        .as("sent, %s by %s, seed %s", key, first, seed)
                        .isEqualTo(figure.sent());
                all = all.plus(figure.received()).plus(figure.sent());
            }
        }
        assertThat(all.bytes()).as("octets compared, seed %s", seed).isPositive();
        Database.dropSchema(schema);
    }

    private static <T> UsageMetrics sum(
            Function<PageRequest, Page<T>> pages, PageRequest first, ToLongFunction<T> bytes) {
        UsageMetrics sum = UsageMetrics.ZERO;
        Page<T> page = pages.apply(first);
        while (true) {
            for (T item : page.items()) {
                sum = sum.plus(new UsageMetrics(1, bytes.applyAsLong(item)));
            }
            if (!page.hasNext()) {
                return sum;
            }
            page = pages.apply(first.at(page.next().orElseThrow()));
        }
    }
}
