package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.PoolerTraffic;
import io.usagekit.servers.PgBouncer;
import java.time.Duration;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Two workers behind PgBouncer in transaction mode, whose steps run on one process of the server after another, keep figures exact. */
@Tag("thorough")
class RollupPoolerRaceIT {

    private static final Duration LENGTH = Duration.ofSeconds(Boolean.getBoolean("usagekit.thorough") ? 30 : 6);
    private static final Duration BOUND = LENGTH.plus(Duration.ofMinutes(5));

    private final long seed = Long.getLong("usagekit.seed", new Random().nextLong());

    @Test
    void equalsCombinedQueryInEverySnapshot() throws Exception {
        assumeTrue(PgBouncer.isAvailable(), () -> PgBouncer.announceSkipped(RollupPoolerRaceIT.class));
        try (PgBouncer bouncer = PgBouncer.start(Database.jdbcUrl(), 3);
                PoolerTraffic others = PoolerTraffic.start(bouncer.jdbcUrl("postgres"), 2);
                HikariDataSource workers = PoolerTraffic.pool(bouncer.jdbcUrl("postgres"), 2);
                RollupStress stress = new RollupStress(seed, RollupStress.Variant.WHOLE, Optional.of(workers))) {
            RollupStress.Result result =
                    stress.run((elapsed, soFar) -> !soFar.mismatches().isEmpty()
                            || elapsed.compareTo(BOUND) > 0
                            || (elapsed.compareTo(LENGTH) > 0 && hasSeenEnough(soFar)));
            System.out.printf(
                    "RollupPoolerRaceIT: %s, %,d transactions of others; -Dusagekit.seed=%d%n",
                    result, others.transactions(), seed);
            assertThat(result.mismatches()).as("seed %s", seed).isEmpty();
            assertThat(hasSeenEnough(result)).as("enough happened: %s", result).isTrue();
            assertThat(others.transactions()).as("others used the pooler").isPositive();
        }
        assertThat(Database.query("select count(*) from pg_locks where locktype = 'advisory'"))
                .as("locks that others would wait for")
                .isEqualTo("0");
    }

    private static boolean hasSeenEnough(RollupStress.Result result) {
        return result.reads() >= 500
                && result.readsOfRolled() >= 200
                && result.advances() >= 5
                && result.rerolled() >= 50;
    }
}
