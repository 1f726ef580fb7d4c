package io.usagekit.micrometer;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.usagekit.UsageCalculationException;
import io.usagekit.clickhouse.HistoryListener;
import java.time.Duration;
import java.util.Map;

/**
 * Meters of figures, series and reports from ClickHouse alone: one for each event of {@link HistoryListener}.
 *
 * <pre>{@code
 * ClickHouseHistory history = clickHouse.history(Duration.ofMinutes(5), HistoryMeters.of(registry));
 * }</pre>
 *
 * <p>Thread-safe.
 *
 * @since 0.1
 */
public final class HistoryMeters implements HistoryListener {

    private static final String PREFIX = "usagekit.history";

    private final Timer age;
    private final Map<Refusal, Counter> refused;
    private final Map<Failure, Counter> failed;

    private HistoryMeters(MeterFactory meters) {
        age = meters.timer(
                PREFIX + ".age",
                "Age of the states from which figures, series and reports were computed, one for each");
        refused = meters.each(
                Refusal.class,
                "reason",
                one -> one.counter(PREFIX + ".refused", "Figures, series and reports that ClickHouse doesn't have"));
        failed = meters.each(
                Failure.class,
                Failure.TAG,
                one -> one.counter(PREFIX + ".failed", "Those that failed since ClickHouse couldn't be read"));
    }

    /** Registers the meters. */
    public static HistoryMeters of(MeterRegistry registry) {
        return of(registry, Tags.empty());
    }

    /** Registers the meters, all of them with these tags. */
    public static HistoryMeters of(MeterRegistry registry, Iterable<Tag> tags) {
        return new HistoryMeters(new MeterFactory(registry, Tags.of(tags)));
    }

    @Override
    public void computed(Duration stateAge) {
        age.record(stateAge);
    }

    @Override
    public void refused(Refusal reason, UsageCalculationException error) {
        MeterFactory.count(refused, reason);
    }

    @Override
    public void readFailed(UsageCalculationException error) {
        MeterFactory.count(failed, Failure.of(error));
    }
}
