package io.usagekit.verification.system;

import io.usagekit.SingleFlight;
import io.usagekit.SingleFlights;
import io.usagekit.UsageCache;
import io.usagekit.testkit.contract.UsageServiceContract;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/**
 * Every state, over real Redis and PostgreSQL: with everything that a fleet uses, and in {@code -Pthorough} with less, as
 * {@code UsageServiceStatesTest} does in memory each time.
 */
class UsageServiceStatesIT {

    @EnabledIfSystemProperty(named = "usagekit.thorough", matches = "true")
    @Nested
    class WithinOneProcess extends UsageServiceContract {
        @Override
        protected Backend openBackend() {
            return new ServersBackend() {
                @Override
                public SingleFlight openSingleFlight() {
                    return SingleFlights.inProcess();
                }
            };
        }

        @Override
        protected Set<Capability> capabilities() {
            return EnumSet.noneOf(Capability.class);
        }
    }

    @EnabledIfSystemProperty(named = "usagekit.thorough", matches = "true")
    @Nested
    class AcrossTheFleet extends UsageServiceContract {
        @Override
        protected Backend openBackend() {
            return new ServersBackend();
        }

        @Override
        protected Set<Capability> capabilities() {
            return EnumSet.of(Capability.FLEET);
        }
    }

    @Nested
    class AcrossTheFleetWithNearCaches extends UsageServiceContract {
        @Override
        protected Backend openBackend() {
            return new ServersBackend() {
                @Override
                public UsageCache openCache() {
                    return redis().buildNearCache();
                }
            };
        }

        @Override
        protected Set<Capability> capabilities() {
            return EnumSet.allOf(Capability.class);
        }
    }
}
