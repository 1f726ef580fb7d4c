package io.usagekit.examples;

import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresUsage;
import java.time.Duration;
import java.time.YearMonth;
import java.util.concurrent.atomic.LongAdder;
import org.postgresql.ds.PGSimpleDataSource;

/** Metrics. Argument: JDBC URL. */
public final class ListenerMain {

    private ListenerMain() {}

    /** Counts what the service does. */
    public static void main(String... args) {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setURL(args[0]);
        // tag::quote
        LongAdder computations = new LongAdder();
        LongAdder failures = new LongAdder();
        LongAdder milliseconds = new LongAdder();
        UsageListener metrics = new UsageListener() {
            @Override
            public void computed(UsageKey key, Duration took) {
                computations.increment();
                milliseconds.add(took.toMillis());
            }

            @Override
            public void computationFailed(UsageKey key, Throwable error) {
                failures.increment();
            }
        };
        try (UsageService usage = UsageService.builder(PostgresUsage.calculator(dataSource))
                .addListener(metrics)
                .build()) {
            usage.get("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));

            UsageService.Stats gauges = usage.stats();
            System.out.printf(
                    "%d of %d permits in use, %d queued, %d loads in flight, cache %s%n",
                    gauges.permitsInUse(),
                    gauges.permits(),
                    gauges.queued(),
                    gauges.loads(),
                    gauges.cache().shared());
        }
        System.out.printf("%s computed in %s ms, %s failed%n", computations, milliseconds, failures);
        // end::quote
    }
}
