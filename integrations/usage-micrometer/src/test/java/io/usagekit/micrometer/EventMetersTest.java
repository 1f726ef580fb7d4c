package io.usagekit.micrometer;

import static org.assertj.core.api.Assertions.assertThat;

import io.micrometer.core.instrument.Meter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.clickhouse.HistoryListener;
import io.usagekit.postgres.partitions.PartitionProgress;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.rollups.RollupListener;
import io.usagekit.postgres.rollups.VerificationProgress;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.FeedListener;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each event of each listener has a meter, and no tag has more values than it had before the first event. */
class EventMetersTest {

    /** A listener, and what it is with the meters of a registry. */
    record Listener<L>(Class<L> type, Function<MeterRegistry, L> meters) {

        List<String> withoutMeter() throws Exception {
            SimpleMeterRegistry registry = new SimpleMeterRegistry();
            return EventChecks.withoutMeter(registry, type, meters.apply(registry));
        }

        Set<String> registeredByEvents() throws Exception {
            SimpleMeterRegistry registry = new SimpleMeterRegistry();
            return EventChecks.registeredByEvents(registry, type, meters.apply(registry));
        }

        @Override
        public String toString() {
            return type.getSimpleName();
        }
    }

    static List<Listener<?>> listeners() {
        return List.of(
                new Listener<>(UsageListener.class, UsageMeters::of),
                new Listener<>(RollupListener.class, RollupMeters::of),
                new Listener<>(
                        RetentionProgress.class,
                        registry -> RollupMeters.of(registry).retention()),
                new Listener<>(
                        VerificationProgress.class,
                        registry -> RollupMeters.of(registry).verification()),
                new Listener<>(PartitionProgress.class, PartitionMeters::of),
                new Listener<>(FeedListener.class, FeedMeters::of),
                new Listener<>(CellReadListener.class, FeedMeters::of),
                new Listener<>(HistoryListener.class, HistoryMeters::of));
    }

    @ParameterizedTest
    @MethodSource("listeners")
    void eachEventHasAMeter(Listener<?> listener) throws Exception {
        assertThat(EventChecks.events(listener.type())).isNotEmpty();
        assertThat(listener.withoutMeter()).isEmpty();
    }

    @ParameterizedTest
    @MethodSource("listeners")
    void noTagIsUnbounded(Listener<?> listener) throws Exception {
        assertThat(listener.registeredByEvents()).isEmpty();
    }

    @Test
    void anEventWithoutAMeterIsDetected() throws Exception {
        assertThat(new Listener<>(UsageListener.class, registry -> new UsageListener() {}).withoutMeter())
                .hasSize(EventChecks.events(UsageListener.class).size())
                .contains("hit", "trackingRestored");
    }

    @Test
    void aTagWithTheOrganisationIsDetected() throws Exception {
        Listener<UsageListener> unbounded = new Listener<>(UsageListener.class, registry -> new UsageListener() {
            @Override
            public void miss(UsageKey key) {
                registry.counter("usagekit.misses", "organisation", key.organisationId())
                        .increment();
            }
        });

        assertThat(unbounded.registeredByEvents())
                .hasSize(20)
                .contains("usagekit.misses[" + Tag.of("organisation", "org-7") + "]");
    }

    @Test
    void allMetersHaveTheTagsOfTheHost() {
        SimpleMeterRegistry registry = new SimpleMeterRegistry();
        Tags tags = Tags.of("service", "billing");

        UsageMeters.of(registry, tags);
        RollupMeters.of(registry, tags);
        PartitionMeters.of(registry, tags);
        FeedMeters.of(registry, tags);
        HistoryMeters.of(registry, tags);

        assertThat(registry.getMeters())
                .hasSizeGreaterThan(60)
                .allSatisfy(meter -> assertThat(meter.getId().getTag("service")).isEqualTo("billing"));
    }

    @Test
    void allMetersHaveADescriptionAndNamesOfTheLibrary() {
        SimpleMeterRegistry registry = new SimpleMeterRegistry();

        UsageMeters.of(registry);
        RollupMeters.of(registry);
        PartitionMeters.of(registry);
        FeedMeters.of(registry);
        HistoryMeters.of(registry);

        assertThat(registry.getMeters()).extracting(Meter::getId).allSatisfy(id -> {
            assertThat(id.getDescription()).as(id.getName()).isNotBlank();
            assertThat(id.getName()).matches("usagekit([.][a-z]+)+");
        });
    }
}
