package io.usagekit.testkit.contract.events;

import io.usagekit.UsageCalculator;
import io.usagekit.events.Duplicates;
import io.usagekit.events.EventRepository;
import java.time.InstantSource;
import org.junit.jupiter.api.Nested;

/**
 * Contract of {@link EventRepository}: test cases that each implementation passes. A test class of the implementation extends
 * this class and provides an empty ledger and the calculator of its figures.
 *
 * <p>Each topic is a nested class. Build tools run one topic or one case by the nested class's name, e.g. Maven with
 * {@code -Dtest='MyRepositoryTest,EventRepositoryContract$Paging#rejectsMalformedCursor'}.
 *
 * @since 0.1
 */
public abstract class EventRepositoryContract {

    /** For subclasses. */
    protected EventRepositoryContract() {}

    /**
     * Returns an empty ledger for one test case.
     *
     * @param duplicates how the ledger treats events with a repeated idempotency key
     * @param clock the ledger's clock
     */
    protected abstract EventRepository openRepository(Duplicates duplicates, InstantSource clock);

    /** Returns a calculator of the figures of this ledger, which {@link #openRepository} has returned. */
    protected abstract UsageCalculator calculator(EventRepository repository);

    @Nested
    final class Recording extends EventRecordingCases {
        Recording() {
            super(EventRepositoryContract.this);
        }
    }

    @Nested
    final class RecordingNew extends EventRecordNewCases {
        RecordingNew() {
            super(EventRepositoryContract.this);
        }
    }

    @Nested
    final class Fields extends EventFieldCases {
        Fields() {
            super(EventRepositoryContract.this);
        }
    }

    @Nested
    final class Lookup extends EventLookupCases {
        Lookup() {
            super(EventRepositoryContract.this);
        }
    }

    @Nested
    final class Paging extends EventPagingCases {
        Paging() {
            super(EventRepositoryContract.this);
        }
    }

    @Nested
    final class DrillDown extends EventDrillDownCases {
        DrillDown() {
            super(EventRepositoryContract.this);
        }
    }

    @Nested
    final class Search extends EventSearchCases {
        Search() {
            super(EventRepositoryContract.this);
        }
    }

    @Nested
    final class Deletion extends EventDeletionCases {
        Deletion() {
            super(EventRepositoryContract.this);
        }
    }

    @Nested
    final class Export extends EventExportCases {
        Export() {
            super(EventRepositoryContract.this);
        }
    }

    @Nested
    final class Bounds extends EventBoundsCases {
        Bounds() {
            super(EventRepositoryContract.this);
        }
    }
}
