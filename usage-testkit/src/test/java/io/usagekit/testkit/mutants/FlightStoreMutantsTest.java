package io.usagekit.testkit.mutants;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.testkit.InMemoryFlightStore;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.ManualClock;
import io.usagekit.testkit.contract.FlightStoreContract;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.extension.ExtendWith;

/** The contract of flight stores reports wrong ones. */
class FlightStoreMutantsTest {

    static final Duration LONG = Duration.ofDays(36_500);
    static final UsagePeriod MARCH = UsagePeriod.parse("2026-03");
    /** Makes a store of the right one; both stores of a case share the memory. */
    interface Adapter {
        FlightStore open(FlightStore right, Memory memory);
    }
    /** What wrong stores of one case share. */
    static final class Memory {
        final UsageCache cache;
        final Map<UsageKey, String> holders = new ConcurrentHashMap<>();
        final List<Runnable> actions = new CopyOnWriteArrayList<>();
        final Set<Runnable> registered = ConcurrentHashMap.newKeySet();
        final AtomicLong fences = new AtomicLong();

        Memory(UsageCache cache) {
            this.cache = cache;
        }
    }

    private static final Adapter RIGHT = (right, memory) -> right;

    @ExtendWith(ContractRun.AdapterParameter.class)
    static final class Suite extends FlightStoreContract {

        private final ManualClock clock = ManualClock.at("2026-03-17T01:28:00Z");
        private final InMemoryUsageCache cache = InMemoryUsageCache.create(clock);
        private final Memory memory = new Memory(cache);
        private final Adapter adapter;

        Suite(Adapter adapter) {
            this.adapter = adapter;
        }

        @Override
        protected FlightStore openStore() {
            return adapter.open(InMemoryFlightStore.over(cache), memory);
        }

        @Override
        protected FlightStore openSecondStore() {
            return openStore();
        }

        @Override
        protected UsageCache openCache() {
            return InMemoryUsageCache.over(cache);
        }

        @Override
        protected void elapse(Duration duration) {
            clock.advance(duration);
        }

        @Override
        protected Duration patience() {
            return adapter == RIGHT ? super.patience() : Duration.ofSeconds(1);
        }
    }

    @TestFactory
    Stream<DynamicTest> reportsEachWrongStore() {
        List<Mutant<Adapter>> mutants = new ArrayList<>();
        mutants.addAll(FlightLeaseMutants.all());
        mutants.addAll(FlightPublicationMutants.all());
        mutants.addAll(FlightWakeUpMutants.all());
        return Mutants.tests(Suite.class, RIGHT, mutants);
    }

    static Mutant<Adapter> mutant(String fault, String check, Adapter adapter) {
        return new Mutant<>(fault, check, adapter);
    }

    static Mutant<Adapter> acquired(String fault, String check, UnaryOperator<Acquisition> change) {
        return mutant(fault, check, (store, memory) -> new ForwardingFlightStore(store) {
            @Override
            public CompletionStage<Acquisition> acquire(UsageKey key, LeaseRequest request) {
                return right.acquire(key, request).thenApply(change);
            }
        });
    }

    static AgedUsage labelled(AgedUsage figure) {
        OrganisationUsage usage = figure.usage();
        return new AgedUsage(
                new OrganisationUsage(usage.organisationId(), MARCH, usage.received(), usage.sent(), usage.createdAt()),
                figure.age());
    }

    static Duration atLeastMillisecond(Duration duration) {
        return duration.compareTo(Duration.ofMillis(1)) < 0 ? Duration.ofMillis(1) : duration;
    }
}
