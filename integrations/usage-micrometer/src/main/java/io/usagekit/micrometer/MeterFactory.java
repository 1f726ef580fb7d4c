package io.usagekit.micrometer;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.TimeGauge;
import io.micrometer.core.instrument.Timer;
import java.util.EnumMap;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Registers meters of one registry, all with the host's tags. */
final class MeterFactory {

    private final MeterRegistry registry;
    private final Tags tags;

    MeterFactory(MeterRegistry registry, Tags tags) {
        this.registry = Objects.requireNonNull(registry, "registry");
        this.tags = Objects.requireNonNull(tags, "tags");
    }

    Counter counter(String name, String description) {
        return Counter.builder(name).tags(tags).description(description).register(registry);
    }

    Counter counter(String name, String unit, String description) {
        return Counter.builder(name)
                .tags(tags)
                .baseUnit(unit)
                .description(description)
                .register(registry);
    }

    Timer timer(String name, String description) {
        return Timer.builder(name).tags(tags).description(description).register(registry);
    }

    DistributionSummary summary(String name, String unit, String description) {
        return DistributionSummary.builder(name)
                .tags(tags)
                .baseUnit(unit)
                .description(description)
                .register(registry);
    }

    /** Registers a gauge, in place of one that has this name and these tags. */
    void gauge(String name, String description, Supplier<Number> value) {
        remove(name);
        Gauge.builder(name, value).tags(tags).description(description).register(registry);
    }

    /** Registers a gauge of a time in seconds, in place of one that has this name and these tags. */
    void timeGauge(String name, String description, Supplier<Number> seconds) {
        remove(name);
        TimeGauge.builder(name, seconds, TimeUnit.SECONDS)
                .tags(tags)
                .description(description)
                .register(registry);
    }

    /**
     * Registers a counter of what is counted elsewhere, in place of one that has this name and these tags.
     *
     * @param unit null for none
     * @param value must not decrease
     */
    void counted(String name, @Nullable String unit, String description, LongSupplier value) {
        remove(name);
        FunctionCounter.builder(name, value, same -> (double) value.getAsLong()) // which keeps the weakly held value
                .tags(tags)
                .baseUnit(unit)
                .description(description)
                .register(registry);
    }

    private void remove(String name) {
        registry.removeByPreFilterId(new Meter.Id(name, tags, null, null, Meter.Type.GAUGE)); // no type is compared
    }

    /** Returns a factory of meters that have one more tag. */
    MeterFactory with(String tag, String value) {
        return new MeterFactory(registry, tags.and(tag, value));
    }

    /** Creates a meter for each value of a tag. */
    <E extends Enum<E>, M> Map<E, M> each(Class<E> type, String tag, Function<MeterFactory, M> meter) {
        Map<E, M> meters = new EnumMap<>(type);
        for (E value : Objects.requireNonNull(type.getEnumConstants())) {
            meters.put(value, meter.apply(with(tag, value.name().toLowerCase(Locale.ROOT))));
        }
        return meters;
    }

    /** Counts one for a value that a tag has. */
    static <E extends Enum<E>> void count(Map<E, Counter> counters, E value) {
        Counter counter = counters.get(value);
        if (counter != null) {
            counter.increment();
        }
    }

    /** Returns the registry's time in nanoseconds from an arbitrary origin. */
    long nanoTime() {
        return registry.config().clock().monotonicTime();
    }
}
