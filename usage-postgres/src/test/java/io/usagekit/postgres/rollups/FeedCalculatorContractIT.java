package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OwnTables;
import io.usagekit.postgres.testing.OwnTablesContract;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.InstantSource;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;

/**
 * The calculators' contract for figures that are computed with a store, over the library's own tables. The hours of March are
 * rolled and shipped before each of a test's first figures, and before one in eight of the others.
 */
class FeedCalculatorContractIT extends OwnTablesContract {

    private static final ManualClock CLOCK = ManualClock.at("2026-04-02T12:00:00Z");

    private static final int FIRST_FIGURES = 8;

    private static final MemoryStore STORE = new MemoryStore();
    private static final AtomicInteger FROM_STORE = new AtomicInteger();

    private static String schema;
    private static OwnTables tables;
    private static PostgresRollups rollups;
    private RollupWorker worker;
    private final AtomicInteger figures = new AtomicInteger();

    @BeforeAll
    static void install() {
        schema = Database.newSchema("feed_contract");
        PostgresUsage.install(Database.pool(), schema);
        tables = new OwnTables(Database.pool(), schema);
        rollups = PostgresRollups.builder(Database.pool())
                .mapping(TableMapping.usagekit(schema))
                .clock(CLOCK)
                .build();
        rollups.install();
        rollups.feed().install();
    }

    @AfterAll
    static void drop() {
        rollups.feed().uninstall();
        rollups.remove();
        Database.dropSchema(schema);
        assertThat(FROM_STORE).as("figures with days from the store").hasPositiveValue();
    }

    @BeforeEach
    void start() {
        worker = rollups.worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMinutes(1))
                .build();
    }

    @AfterEach
    void end() {
        worker.close();
    }

    @Override
    protected UsageCalculator calculator() {
        UsageCalculator calculator = rollups.feed().calculator(STORE, new CellReadListener() {
            @Override
            public void fromCells(UsageKey key, long days) {
                if (days > 0) {
                    FROM_STORE.incrementAndGet();
                }
            }

            @Override
            public void refused(UsageKey key, List<ProjectDays> days, boolean reshipped) {
                throw new AssertionError("refused " + days);
            }
        });
        return (key, timeout) -> {
            int figure = figures.getAndIncrement();
            if (figure < FIRST_FIGURES || figure % FIRST_FIGURES == 0) {
                worker.runOnce();
                rollups.feed().ship(STORE, 1_000, Duration.ofSeconds(30));
            }
            return calculator.calculate(key, timeout);
        };
    }

    @Override
    protected OwnTables tables() {
        return tables;
    }

    @Override
    protected Set<Capability> capabilities() {
        return EnumSet.of(Capability.TRANSACTIONS);
    }

    @Override
    protected InstantSource clock() {
        return CLOCK;
    }
}
