package io.usagekit.testkit.mutants;

import io.usagekit.UsageCache;
import io.usagekit.testkit.ManualClock;
import io.usagekit.testkit.contract.UsageCacheContract;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Function;
import java.util.function.LongSupplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.extension.ExtendWith;

/** The contract of caches reports wrong ones. */
class UsageCacheMutantsTest {

    /** Makes a cache over an empty map. */
    interface Adapter {
        UsageCache open(Map<Object, MapUsageCache.Entry> entries, LongSupplier ticker);
    }

    private static final Adapter RIGHT = MapUsageCache::new;

    @ExtendWith(ContractRun.AdapterParameter.class)
    static final class Suite extends UsageCacheContract {

        private final ManualClock clock = ManualClock.at("2026-03-17T01:28:00Z");
        private final Adapter adapter;
        private final Map<Object, MapUsageCache.Entry> entries = new ConcurrentHashMap<>();

        Suite(Adapter adapter) {
            this.adapter = adapter;
        }

        @Override
        protected UsageCache openCache() {
            return adapter.open(entries, clock.ticker());
        }

        @Override
        protected void elapse(Duration duration) {
            clock.advance(duration);
        }

        @Override
        protected OptionalLong heldEntries() {
            return OptionalLong.of(entries.size());
        }

        @Override
        protected Duration patience() {
            return adapter == RIGHT ? super.patience() : Duration.ofSeconds(2);
        }
    }

    @TestFactory
    Stream<DynamicTest> reportsEachWrongCache() {
        List<Mutant<Adapter>> mutants = new ArrayList<>();
        mutants.addAll(CacheEntryMutants.all());
        mutants.addAll(CacheMemoryMutants.all());
        mutants.addAll(BulkMutants.ofCaches());
        return Mutants.tests(Suite.class, RIGHT, mutants);
    }
    /** A cache that forwards to a right one but for the call that the mutant overrides. */
    static Mutant<Adapter> forwarding(String fault, String check, Function<UsageCache, UsageCache> change) {
        return new Mutant<>(fault, check, (entries, ticker) -> change.apply(new MapUsageCache(entries, ticker)));
    }

    static Mutant<Adapter> mutant(String fault, String check, Adapter adapter) {
        return new Mutant<>(fault, check, adapter);
    }
}
