package io.usagekit.postgres.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Which failures of a batch make the next one smaller, and whether it is tried again. */
class AdaptiveBatchSizeTest {

    private static final Duration BUDGET = Duration.ofHours(1);

    private final AdaptiveBatchSize batch = new AdaptiveBatchSize(1, 24, 24);
    private final List<Long> sizes = new ArrayList<>();

    private long failOnce(String state, boolean mayRetry) throws SQLException {
        return batch.run(BUDGET, () -> mayRetry, size -> {
            sizes.add(size);
            if (sizes.size() == 1) {
                throw new SQLException("failed", state);
            }
            return size;
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
}
