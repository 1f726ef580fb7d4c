package io.usagekit.examples;

import io.usagekit.SingleFlight;
import io.usagekit.testkit.contract.SingleFlightContract;

class MapSingleFlightTest extends SingleFlightContract {

    @Override
    protected SingleFlight openSingleFlight() {
        return new MapSingleFlight();
    }
}
