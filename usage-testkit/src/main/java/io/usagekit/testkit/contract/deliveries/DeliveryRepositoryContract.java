package io.usagekit.testkit.contract.deliveries;

import io.usagekit.events.DeliveryRepository;
import io.usagekit.events.EventRepository;
import java.time.InstantSource;
import org.junit.jupiter.api.Nested;

/**
 * Contract of {@link DeliveryRepository}: test cases that each implementation passes. A test class of the implementation extends
 * this class and provides an empty ledger for each case by {@link #openLedger}: the repository under test, and that of the
 * events, which saves the projects and records events and deliveries.
 *
 * <p>Each topic is a nested class. Build tools run one topic or one case by the nested class's name, e.g. Maven with
 * {@code -Dtest='MyRepositoryTest,DeliveryRepositoryContract$Paging#rejectsCursorOfAnotherQuery'}.
 *
 * @since 0.1
 */
public abstract class DeliveryRepositoryContract {

    /**
     * Both repositories of one ledger.
     *
     * @param events which records the deliveries
     * @param deliveries which is under test
     * @since 0.1
     */
    public record Ledger(EventRepository events, DeliveryRepository deliveries) {}

    /** For subclasses. */
    protected DeliveryRepositoryContract() {}

    /**
     * Returns an empty ledger for one test case.
     *
     * @param clock the ledger's clock
     */
    protected abstract Ledger openLedger(InstantSource clock);

    @Nested
    final class Paging extends DeliveryPagingCases {
        Paging() {
            super(DeliveryRepositoryContract.this);
        }
    }

    @Nested
    final class Lookup extends DeliveryLookupCases {
        Lookup() {
            super(DeliveryRepositoryContract.this);
        }
    }

    @Nested
    final class Status extends DeliveryStatusCases {
        Status() {
            super(DeliveryRepositoryContract.this);
        }
    }

    @Nested
    final class Bounds extends DeliveryBoundsCases {
        Bounds() {
            super(DeliveryRepositoryContract.this);
        }
    }
}
