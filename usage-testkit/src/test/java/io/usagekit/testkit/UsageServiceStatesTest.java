package io.usagekit.testkit;

import io.usagekit.UsageCache;
import io.usagekit.testkit.contract.UsageServiceContract;
import java.util.EnumSet;
import java.util.Set;
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
    class WithAReserve extends UsageServiceContract {
        @Override
        protected Backend openBackend() {
            return new InMemoryBackend() {
                @Override
                public UsageCache openCache() {
                    return new RememberingCache(cache, clock.ticker());
                }
            };
        }

        @Override
        protected Set<Capability> capabilities() {
            return EnumSet.of(Capability.RESERVE);
        }
    }
}
