package io.usagekit.verification.service;

import io.usagekit.SingleFlight;
import io.usagekit.SingleFlights;
import io.usagekit.UsageCache;
import io.usagekit.testkit.InMemoryFlightStore;
import io.usagekit.testkit.contract.UsageServiceContract;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Nested;

/** Every state, in memory. */
class UsageServiceStatesTest {

    @Nested
    class WithinOneProcess extends UsageServiceContract {
        @Override
        protected Backend openBackend() {
            return new InMemoryBackend();
        }

        @Override
        protected Set<Capability> capabilities() {
            return EnumSet.noneOf(Capability.class);
        }
    }

    @Nested
    class WithAFallbackCopy extends UsageServiceContract {
        @Override
        protected Backend openBackend() {
            return new InMemoryBackend() {
                @Override
                public UsageCache openCache() {
                    return new RememberingCache(super.openCache(), clock.ticker());
                }
            };
        }

        @Override
        protected Set<Capability> capabilities() {
            return EnumSet.of(Capability.FALLBACK);
        }
    }

    @Nested
    class AcrossTheFleet extends UsageServiceContract {
        @Override
        protected Backend openBackend() {
            return new InMemoryFleetBackend();
        }

        @Override
        protected Set<Capability> capabilities() {
            return EnumSet.allOf(Capability.class);
        }
    }

    private static final class InMemoryFleetBackend extends InMemoryBackend {
        private final List<InMemoryFlightStore> stores = new CopyOnWriteArrayList<>();

        @Override
        public UsageCache openCache() {
            return new RememberingCache(super.openCache(), clock.ticker());
        }

        @Override
        public SingleFlight openSingleFlight() {
            InMemoryFlightStore store = InMemoryFlightStore.over(cache);
            stores.add(store);
            return SingleFlights.fleetWide(store);
        }

        @Override
        public void disconnectCache() {
            super.disconnectCache();
            stores.forEach(InMemoryFlightStore::goDown);
        }

        @Override
        public void expireLeases() {
            clock.advance(SingleFlights.DEFAULT_LEASE.plusMillis(1));
        }
    }
}
