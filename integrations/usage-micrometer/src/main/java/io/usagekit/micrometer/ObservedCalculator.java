package io.usagekit.micrometer;

import io.micrometer.common.KeyValue;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationRegistry;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.Collection;
import java.util.Objects;
import java.util.function.Supplier;

/**
 * A calculator whose computations are observations, named {@value #NAME}: with tracing, a span around each call of the calculator that it
 * calls. Their only low-cardinality value is {@code usagekit.call}, {@code figure} or {@code batch}; their high-cardinality values are the
 * number of figures and, of one figure, its period, never the organisation. An observation has the error that the calculator threw; figures
 * of a batch that failed by themselves are counted in {@code usagekit.figures.failed}.
 *
 * <p>A computation serves each caller that joins it and runs on the service's executor, so that its span is a root, unless the host's
 * executor propagates the context of the caller that started it. Thread-safe if the calculator is.
 *
 * @since 0.1
 */
public final class ObservedCalculator implements UsageCalculator {

    /** The name of the observations. */
    public static final String NAME = "usagekit.calculator";

    private static final String CALL = "usagekit.call";
    private static final String FIGURES = "usagekit.figures";
    private static final String FAILED = "usagekit.figures.failed";
    private static final String PERIOD = "usagekit.period";

    private final UsageCalculator calculator;
    private final ObservationRegistry registry;

    private ObservedCalculator(UsageCalculator calculator, ObservationRegistry registry) {
        this.calculator = Objects.requireNonNull(calculator, "calculator");
        this.registry = Objects.requireNonNull(registry, "registry");
    }

    /** Returns a calculator that calls this one and observes each computation. */
    public static UsageCalculator of(UsageCalculator calculator, ObservationRegistry registry) {
        return new ObservedCalculator(calculator, registry);
    }

    @Override
    public OrganisationUsage calculate(UsageKey key, Duration timeout) {
        Observation observation = observation("figure")
                .highCardinalityKeyValue(FIGURES, "1")
                .highCardinalityKeyValue(PERIOD, key.period().canonicalLabel());
        return observe(observation, () -> calculator.calculate(key, timeout));
    }

    @Override
    public Figures calculateAll(Collection<UsageKey> keys, Duration timeout) {
        Observation observation = observation("batch").highCardinalityKeyValue(FIGURES, String.valueOf(keys.size()));
        return observe(observation, () -> {
            Figures figures = calculator.calculateAll(keys, timeout);
            observation.highCardinalityKeyValue(
                    FAILED, String.valueOf(figures.failures().size()));
            return figures;
        });
    }

    private Observation observation(String call) {
        return Observation.createNotStarted(NAME, registry)
                .contextualName("compute usage")
                .lowCardinalityKeyValue(KeyValue.of(CALL, call));
    }

    private static <T> T observe(Observation observation, Supplier<T> computation) {
        observation.start();
        Observation.Scope scope = observation.openScope();
        try {
            return computation.get();
        } catch (RuntimeException | Error e) {
            observation.error(e);
            throw e;
        } finally {
            scope.close();
            observation.stop();
        }
    }

    @Override
    public Duration ageOf(OrganisationUsage figure) {
        return calculator.ageOf(figure);
    }

    @Override
    public String canonicalId(String organisationId) {
        return calculator.canonicalId(organisationId);
    }

    @Override
    public boolean knowsIds() {
        return calculator.knowsIds();
    }

    @Override
    public void learnIds(Duration timeout) {
        calculator.learnIds(timeout);
    }

    @Override
    public int maxBatch() {
        return calculator.maxBatch();
    }
}
