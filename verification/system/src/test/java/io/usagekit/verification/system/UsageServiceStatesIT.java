package io.usagekit.verification.system;

import io.usagekit.SingleFlight;
import io.usagekit.SingleFlights;
import io.usagekit.UsageCache;
import io.usagekit.testkit.contract.UsageServiceContract;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Tag;

/** Every state, over real Redis and PostgreSQL, with all that a fleet uses and with less; {@code UsageServiceStatesTest} does it in memory. */
@Tag("thorough")
class UsageServiceStatesIT {

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
