package io.usagekit.testkit.contract;

import io.usagekit.FlightStore;
import io.usagekit.UsageCache;
import java.time.Duration;
import org.junit.jupiter.api.Nested;

/**
 * Contract of {@link FlightStore}: test cases that each implementation passes. A test class of the implementation extends this
 * class and provides two stores and a cache over the same data, as two processes have them, and a way to let time pass for them.
 * Times are tens of seconds apart, so a slow machine makes no difference.
 *
 * <p>Each topic is a nested class. Build tools run one topic or one case by the nested class's name, e.g. Maven with
 * {@code -Dtest='MyStoreTest,FlightStoreContract$Leases#freesReleasedLease'}.
 *
 * @since 0.1
 */
public abstract class FlightStoreContract {

    /** For subclasses. */
    protected FlightStoreContract() {}

    /** Returns an empty store for one test case, which closes it. */
    protected abstract FlightStore openStore();

    /** Returns another store on the same data, as another process has it; opened after the first, closed before it. */
    protected abstract FlightStore openSecondStore();

    /** Returns a cache on the same data; opened after the first store, closed before it. */
    protected abstract UsageCache openCache();

    /** Lets this much time pass for the stores and the cache: on their own clock, or by changing the server's data. */
    protected abstract void elapse(Duration duration);

    /** Returns how long a case waits for a wake-up, or for the answer of a closed store, before the case fails. */
    protected Duration patience() {
        return Duration.ofSeconds(15);
    }

    @Nested
    final class Leases extends FlightStoreLeaseCases {
        Leases() {
            super(FlightStoreContract.this);
        }
    }

    @Nested
    final class Publications extends FlightStorePublicationCases {
        Publications() {
            super(FlightStoreContract.this);
        }
    }

    @Nested
    final class Invalidations extends FlightStoreInvalidationCases {
        Invalidations() {
            super(FlightStoreContract.this);
        }
    }

    @Nested
    final class WakeUps extends FlightStoreWakeUpCases {
        WakeUps() {
            super(FlightStoreContract.this);
        }
    }

    @Nested
    final class Schedules extends FlightStoreScheduleCases {
        Schedules() {
            super(FlightStoreContract.this);
        }
    }
}
