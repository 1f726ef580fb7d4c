package io.usagekit.postgres.internal.cache;

import io.usagekit.FlightStore;
import io.usagekit.UsageCache;
import io.usagekit.testkit.contract.FlightStoreContract;
import java.time.Duration;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** Runs the flight store contract. */
class PostgresFlightStoreIT extends FlightStoreContract {

    private static CacheFixture fixture;

    @BeforeAll
    static void install() {
        fixture = CacheFixture.install("flight_contract");
    }

    @AfterAll
    static void remove() {
        fixture.close();
    }

    @Override
    protected FlightStore openStore() {
        fixture.empty();
        return fixture.listeningStore();
    }

    @Override
    protected FlightStore openSecondStore() {
        return fixture.listeningStore();
    }

    @Override
    protected UsageCache openCache() {
        return fixture.cache();
    }

    @Override
    protected void elapse(Duration duration) {
        fixture.elapse(duration);
    }
}
