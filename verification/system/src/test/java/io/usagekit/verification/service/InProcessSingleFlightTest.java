package io.usagekit.verification.service;

import io.usagekit.SingleFlight;
import io.usagekit.SingleFlights;
import io.usagekit.testkit.contract.SingleFlightContract;

/** The contract, within one process. */
class InProcessSingleFlightTest extends SingleFlightContract {

    @Override
    protected SingleFlight openSingleFlight() {
        return SingleFlights.inProcess();
    }
}
