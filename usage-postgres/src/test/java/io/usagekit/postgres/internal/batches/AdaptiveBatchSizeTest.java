package io.usagekit.postgres.internal.batches;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Which failures of a batch make the next one smaller, and whether it is tried again. */
class AdaptiveBatchSizeTest {

    private static final Duration BUDGET = Duration.ofHours(1);

    private final AdaptiveBatchSize batch = new AdaptiveBatchSize(1, 24, 24);
    private final List<Long> sizes = new ArrayList<>();

    private long failOnce(String state, boolean mayRetry) throws SQLException {
        return batch.run(BUDGET, () -> mayRetry, run -> {
            sizes.add(run.size());
            if (sizes.size() == 1) {
                throw new SQLException("failed", state);
            }
            return run.size();
        });
    }

    @Test
    void triesACancelledBatchAgainAtHalfItsSize() throws SQLException {
        assertThat(failOnce("57014", true)).isEqualTo(12);
    }

    @Test
    void keepsTheSizeWhenALockIsWaitedFor() throws SQLException {
        assertThatThrownBy(() -> failOnce("55P03", true)).isInstanceOf(SQLException.class);
        assertThat(failOnce("55P03", true)).isEqualTo(24);
    }

    @Test
    void leavesTheHalvedBatchToTheNextCallWhenItMustNotRetry() throws SQLException {
        assertThatThrownBy(() -> failOnce("57014", false)).isInstanceOf(SQLException.class);
        assertThat(sizes).containsExactly(24L);
        assertThat(failOnce("57014", false)).isEqualTo(12);
    }

    private final AtomicLong now = new AtomicLong();

    /** Runs a batch that waits for a lock for nine times as long as it should take; returns the size of the next one. */
    private long sizeAfterLockWait(Consumer<AdaptiveBatchSize.Batch> locked) throws SQLException {
        AdaptiveBatchSize waiting = new AdaptiveBatchSize(1, 24, 24, now::get);
        waiting.run(BUDGET, () -> true, run -> {
            now.addAndGet(BUDGET.multipliedBy(9).toNanos());
            locked.accept(run);
            now.addAndGet(BUDGET.dividedBy(2).toNanos());
            return run;
        });
        return waiting.run(BUDGET, () -> true, AdaptiveBatchSize.Batch::size);
    }

    @Test
    void measuresFromTheLocksOn() throws SQLException {
        assertThat(sizeAfterLockWait(AdaptiveBatchSize.Batch::start)).isEqualTo(24);
    }

    @Test
    void shrinksAfterAWaitThatIsMeasured() throws SQLException {
        assertThat(sizeAfterLockWait(run -> {})).isLessThan(4);
    }
}
