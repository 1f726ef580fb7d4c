package io.usagekit.hosts.junit;

import static org.junit.jupiter.api.Assertions.assertEquals;

import io.usagekit.FlightStore;
import io.usagekit.SingleFlight;
import io.usagekit.SingleFlights;
import io.usagekit.UsageCache;
import io.usagekit.UsageCalculator;
import io.usagekit.events.Duplicates;
import io.usagekit.events.EventRepository;
import io.usagekit.testkit.InMemoryEventRepository;
import io.usagekit.testkit.InMemoryFlightStore;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.InMemoryUsageCalculator;
import io.usagekit.testkit.ManualClock;
import io.usagekit.testkit.contract.events.EventRepositoryContract;
import io.usagekit.testkit.contract.FlightStoreContract;
import io.usagekit.testkit.contract.SingleFlightContract;
import io.usagekit.testkit.contract.UsageCacheContract;
import io.usagekit.testkit.contract.UsageCalculatorContract;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.EnumSet;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;

/** Contract suites of the test kit, run with the JUnit that this host declares. */
class ContractSuitesTest {

    /** The version that runs is the host's, not one that the test kit brings along. */
    @Test
    void theHostDecidesTheVersionOfJunit() {
        assertEquals(
                System.getProperty("expected.junit.version"),
                Test.class.getPackage().getImplementationVersion());
    }

    @Nested
    class Calculator extends UsageCalculatorContract {

        private final InMemoryUsageCalculator calculator = InMemoryUsageCalculator.create();

        @Override
        protected UsageCalculator calculator() {
            return calculator;
        }

        @Override
        protected Set<Capability> capabilities() {
            return EnumSet.allOf(Capability.class);
        }

        @Override
        protected void received(String organisationId, Instant at, int bytes) {
            calculator.received(organisationId, at, bytes);
        }

        @Override
        protected void sent(String organisationId, Instant at, int bytes) {
            calculator.sent(organisationId, at, bytes);
        }

        @Override
        protected void receivedAndSent(String organisationId, Instant at, int bytes) {
            calculator.receivedAndSent(organisationId, at, bytes);
        }

        @Override
        protected Runnable stallSource() {
            calculator.stall();
            return calculator::comeBack;
        }

        @Override
        protected Runnable breakSource() {
            calculator.goDown();
            return calculator::comeBack;
        }
    }

    @Nested
    class Cache extends UsageCacheContract {

        private final ManualClock clock = ManualClock.at("2026-03-17T01:28:00Z");
        private final InMemoryUsageCache server = InMemoryUsageCache.create(clock);

        @Override
        protected UsageCache openCache() {
            return InMemoryUsageCache.over(server);
        }

        @Override
        protected OptionalLong heldEntries() {
            return OptionalLong.of(server.heldFigures());
        }

        @Override
        protected void elapse(Duration duration) {
            clock.advance(duration);
        }
    }

    @Nested
    class InProcess extends SingleFlightContract {
        @Override
        protected SingleFlight openSingleFlight() {
            return SingleFlights.inProcess();
        }
    }

    @Nested
    class Flights extends FlightStoreContract {

        private final ManualClock clock = ManualClock.at("2026-03-17T01:28:00Z");
        private final InMemoryUsageCache cache = InMemoryUsageCache.create(clock);

        @Override
        protected FlightStore openStore() {
            return InMemoryFlightStore.over(cache);
        }

        @Override
        protected FlightStore openSecondStore() {
            return InMemoryFlightStore.over(cache);
        }

        @Override
        protected UsageCache openCache() {
            return cache;
        }

        @Override
        protected void elapse(Duration duration) {
            clock.advance(duration);
        }
    }

    @Nested
    class Events extends EventRepositoryContract {

        @Override
        protected EventRepository openRepository(Duplicates duplicates, InstantSource clock) {
            return InMemoryEventRepository.create(duplicates, clock);
        }

        @Override
        protected UsageCalculator calculator(EventRepository repository) {
            return ((InMemoryEventRepository) repository).calculator();
        }
    }
}
