package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OwnTables;
import io.usagekit.postgres.testing.OwnTablesContract;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.InstantSource;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;

/**
 * The calculators' contract, over the library's own tables. Hours before the middle of March are rolled before each of a test's first
 * figures, and before one in eight of the others: those are read between two runs of the worker, with what has changed since the last one.
 */
class RollupCalculatorContractIT extends OwnTablesContract {

    private static final ManualClock CLOCK = ManualClock.at("2026-03-17T12:00:00Z");

    private static final int FIRST_FIGURES = 8;
    private static final AtomicInteger FROM_ROLLUPS = new AtomicInteger();

    private static String schema;
    private static OwnTables tables;
    private static PostgresRollups rollups;
    private RollupWorker worker;
    private final AtomicInteger figures = new AtomicInteger();
    /** Whether the worker can read the tables, too. */
    private volatile boolean available = true;

    @BeforeAll
    static void install() {
        schema = Database.newSchema("rollup_contract");
        PostgresUsage.install(Database.pool(), schema);
        tables = new OwnTables(Database.pool(), schema);
        rollups = PostgresRollups.builder(Database.pool())
                .mapping(TableMapping.usagekit(schema))
                .clock(CLOCK)
                .listener(new RollupListener() {
                    @Override
                    public void fromRollups(UsageKey key, long liveHours, long markedHours) {
                        FROM_ROLLUPS.incrementAndGet();
                    }
                })
                .build();
        rollups.install();
    }

    @AfterAll
    static void drop() {
        rollups.remove();
        Database.dropSchema(schema);
        assertThat(FROM_ROLLUPS).as("figures from roll-ups").hasPositiveValue();
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
        UsageCalculator calculator = rollups.calculator();
        return (key, timeout) -> {
            int figure = figures.getAndIncrement();
            if (available && (figure < FIRST_FIGURES || figure % FIRST_FIGURES == 0)) {
                worker.runOnce();
            }
            return calculator.calculate(key, timeout);
        };
    }

    @Override
    protected OwnTables tables() {
        return tables;
    }

    @Override
    protected Runnable stallSource() {
        return unavailable(super.stallSource());
    }

    @Override
    protected Runnable breakSource() {
        return unavailable(super.breakSource());
    }

    private Runnable unavailable(Runnable end) {
        available = false;
        return () -> {
            end.run();
            available = true;
        };
    }

    @Override
    protected InstantSource clock() {
        return CLOCK;
    }
}
