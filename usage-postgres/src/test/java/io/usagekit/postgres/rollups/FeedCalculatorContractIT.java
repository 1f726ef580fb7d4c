package io.usagekit.postgres.rollups;

import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OwnTables;
import io.usagekit.testkit.ManualClock;
import io.usagekit.testkit.contract.UsageCalculatorContract;
import java.time.Duration;
import java.time.Instant;
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
 * The calculators' contract for figures that are computed with a store, over the library's own tables. Hours before the middle of March are
 * rolled and shipped before each of a test's first figures, and before one in eight of the others.
 */
class FeedCalculatorContractIT extends UsageCalculatorContract {

    private static final ManualClock CLOCK = ManualClock.at("2026-03-17T12:00:00Z");

    private static final int FIRST_FIGURES = 8;

    private static String schema;
    private static OwnTables tables;
    private static PostgresRollups rollups;
    private final MemoryStore store = new MemoryStore();
    private RollupWorker worker;
    private final AtomicInteger figures = new AtomicInteger();
    /** Whether the worker can read the tables, too. */
    private volatile boolean available = true;

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
    }

    @BeforeEach
    void empty() {
        tables.empty();
        worker = rollups.worker().settle(Duration.ZERO).build();
    }

    @AfterEach
    void end() {
        worker.close();
    }

    @Override
    protected UsageCalculator calculator() {
        UsageCalculator calculator = rollups.feed().calculator(store, new CellReadListener() {
            @Override
            public void refused(UsageKey key, List<ProjectDays> days, boolean reshipped) {
                throw new AssertionError("refused " + days);
            }
        });
        return (key, timeout) -> {
            int figure = figures.getAndIncrement();
            if (available && (figure < FIRST_FIGURES || figure % FIRST_FIGURES == 0)) {
                worker.runOnce();
                rollups.feed().ship(store, 1_000, Duration.ofSeconds(30));
            }
            return calculator.calculate(key, timeout);
        };
    }

    @Override
    protected Set<Capability> capabilities() {
        return EnumSet.of(Capability.STALL, Capability.FAILURE, Capability.TRANSACTIONS);
    }

    @Override
    protected void received(String organisationId, Instant at, int bytes) {
        tables.received(organisationId, at, bytes);
    }

    @Override
    protected void sent(String organisationId, Instant at, int bytes) {
        tables.sent(organisationId, at, bytes);
    }

    @Override
    protected void receivedMany(String organisationId, Instant at, int bytes, int events) {
        tables.receivedMany(organisationId, at, bytes, events);
    }

    @Override
    protected void receivedAndSent(String organisationId, Instant at, int bytes) {
        tables.receivedAndSent(organisationId, at, bytes);
    }

    @Override
    protected Runnable stallSource() {
        return unavailable(tables.stall());
    }

    @Override
    protected Runnable breakSource() {
        return unavailable(tables.breakQueries());
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
