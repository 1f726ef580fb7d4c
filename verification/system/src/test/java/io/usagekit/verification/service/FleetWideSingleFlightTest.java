package io.usagekit.verification.service;

import io.usagekit.SingleFlight;
import io.usagekit.SingleFlights;
import io.usagekit.testkit.InMemoryFlightStore;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.ManualClock;
import io.usagekit.testkit.contract.SingleFlightContract;
import java.time.Instant;

/** The contract, across a fleet of one process. */
class FleetWideSingleFlightTest extends SingleFlightContract {

    @Override
    protected SingleFlight openSingleFlight() {
        ManualClock clock = ManualClock.at(Instant.EPOCH);
        return SingleFlights.fleetWide(InMemoryFlightStore.over(InMemoryUsageCache.create(clock)));
    }

    @Override
    protected boolean storesThroughLoad() {
        return false;
    }
}
