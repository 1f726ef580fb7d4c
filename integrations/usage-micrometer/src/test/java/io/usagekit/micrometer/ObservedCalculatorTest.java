package io.usagekit.micrometer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.micrometer.common.KeyValue;
import io.micrometer.core.instrument.observation.DefaultMeterObservationHandler;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.micrometer.observation.Observation;
import io.micrometer.observation.ObservationHandler;
import io.micrometer.observation.ObservationRegistry;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Each computation is an observation, and everything else of the calculator is the calculator's. */
class ObservedCalculatorTest {

    private static final UsageKey MARCH = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final UsageKey APRIL = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 4)));
    private static final Duration TIMEOUT = Duration.ofSeconds(7);

    private final List<Observation.Context> stopped = new ArrayList<>();
    private final ObservationRegistry observations = ObservationRegistry.create();

    ObservedCalculatorTest() {
        observations.observationConfig().observationHandler(new ObservationHandler<Observation.Context>() {
            @Override
            public void onStop(Observation.Context context) {
                stopped.add(context);
            }

            @Override
            public boolean supportsContext(Observation.Context context) {
                return true;
            }
        });
    }

    private static OrganisationUsage figure(UsageKey key) {
        return new OrganisationUsage(key, UsageMetrics.ZERO, UsageMetrics.ZERO, Instant.EPOCH);
    }

    @Test
    void aComputationIsAnObservationThatIsOpenWhileItRuns() {
        UsageCalculator observed = ObservedCalculator.of(
                (key, timeout) -> {
                    assertThat(observations.getCurrentObservation()).isNotNull();
                    assertThat(timeout).isEqualTo(TIMEOUT);
                    return figure(key);
                },
                observations);

        assertThat(observed.calculate(MARCH, TIMEOUT)).isEqualTo(figure(MARCH));

        assertThat(observations.getCurrentObservation()).isNull();
        assertThat(stopped).singleElement().satisfies(context -> {
            assertThat(context.getName()).isEqualTo("usagekit.calculator");
            assertThat(context.getError()).isNull();
            assertThat(context.getLowCardinalityKeyValues()).containsExactly(KeyValue.of("usagekit.call", "figure"));
            assertThat(context.getHighCardinalityKeyValues())
                    .containsExactly(KeyValue.of("usagekit.figures", "1"), KeyValue.of("usagekit.period", "2026-03"));
        });
    }

    @Test
    void aBatchIsOneObservationWithTheNumberOfItsFigures() {
        UsageCalculator batches = new UsageCalculator() {
            @Override
            public OrganisationUsage calculate(UsageKey key, Duration timeout) {
                throw new AssertionError("the batch is computed together");
            }

            @Override
            public int maxBatch() {
                return 100;
            }

            @Override
            public Figures calculateAll(java.util.Collection<UsageKey> keys, Duration timeout) {
                return new Figures(
                        Map.of(MARCH, figure(MARCH)), Map.of(APRIL, new UsageCalculationException("too large", null)));
            }
        };

        UsageCalculator.Figures figures =
                ObservedCalculator.of(batches, observations).calculateAll(List.of(MARCH, APRIL), TIMEOUT);

        assertThat(figures.figures()).containsOnlyKeys(MARCH);
        assertThat(figures.failures()).containsOnlyKeys(APRIL);
        assertThat(stopped).singleElement().satisfies(context -> {
            assertThat(context.getLowCardinalityKeyValues()).containsExactly(KeyValue.of("usagekit.call", "batch"));
            assertThat(context.getHighCardinalityKeyValues())
                    .containsExactly(KeyValue.of("usagekit.figures", "2"), KeyValue.of("usagekit.figures.failed", "1"));
        });
    }

    @Test
    void anObservationHasTheErrorThatTheCallerGets() {
        UsageCalculationException away = new UsageCalculationException("the database is away", null);
        UsageCalculator observed = ObservedCalculator.of(
                (key, timeout) -> {
                    throw away;
                },
                observations);

        assertThatThrownBy(() -> observed.calculate(MARCH, TIMEOUT)).isSameAs(away);

        assertThat(observations.getCurrentObservation()).isNull();
        assertThat(stopped)
                .singleElement()
                .satisfies(context -> assertThat(context.getError()).isSameAs(away));
    }

    @Test
    void noValueNamesTheOrganisation() {
        ObservedCalculator.of((key, timeout) -> figure(key), observations).calculate(MARCH, TIMEOUT);

        assertThat(stopped)
                .singleElement()
                .satisfies(context -> assertThat(context.toString()).doesNotContain("org-123"));
    }

    @Test
    void observationsAreMetersWhereTheHostWantsThat() {
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        observations.observationConfig().observationHandler(new DefaultMeterObservationHandler(registry));

        ObservedCalculator.of((key, timeout) -> figure(key), observations).calculate(MARCH, TIMEOUT);

        assertThat(registry.get("usagekit.calculator")
                        .tag("usagekit.call", "figure")
                        .timer()
                        .count())
                .isEqualTo(1);
    }

    @Test
    void everyMethodReachesTheCalculator() throws Exception {
        List<String> called = new ArrayList<>();
        UsageCalculator calculator = (UsageCalculator) Proxy.newProxyInstance(
                UsageCalculator.class.getClassLoader(),
                new Class<?>[] {UsageCalculator.class},
                (proxy, method, args) -> {
                    called.add(method.getName());
                    Class<?> type = method.getReturnType();
                    return type == int.class
                            ? 7
                            : type == boolean.class
                                    ? false
                                    : type == String.class
                                            ? "canonical"
                                            : type == OrganisationUsage.class
                                                    ? figure(MARCH)
                                                    : type == UsageCalculator.Figures.class
                                                            ? new UsageCalculator.Figures(Map.of(), Map.of())
                                                            : null;
                });
        UsageCalculator observed = ObservedCalculator.of(calculator, observations);
        Map<Class<?>, Object> arguments = Map.of(
                UsageKey.class,
                MARCH,
                Duration.class,
                TIMEOUT,
                String.class,
                "org",
                java.util.Collection.class,
                List.of());

        for (Method method : UsageCalculator.class.getMethods()) {
            method.invoke(
                    observed,
                    Stream.of(method.getParameterTypes()).map(arguments::get).toArray());
        }

        assertThat(called)
                .containsExactlyInAnyOrderElementsOf(Stream.of(UsageCalculator.class.getMethods())
                        .map(Method::getName)
                        .toList());
        assertThat(observed.maxBatch()).isEqualTo(7);
        assertThat(observed.knowsIds()).isFalse();
        assertThat(observed.canonicalId("org")).isEqualTo("canonical");
    }
}
