package io.usagekit.clickhouse;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.servers.PostgresServer;
import io.usagekit.testkit.ManualClock;
import io.usagekit.testkit.contract.UsageCalculatorContract;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneOffset;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.RegisterExtension;

/**
 * The calculators' contract, with the sums of whole days from two shards. All hours of March are rolled and shipped before each of a
 * test's first figures, and before one in eight of the others.
 */
@Tag("thorough")
class ClickHouseCalculatorContractIT extends UsageCalculatorContract {

    private static final ManualClock CLOCK = ManualClock.at("2026-04-02T12:00:00Z");
    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final int FIRST_FIGURES = 8;
    private static final Instant LONG_AGO = Instant.parse("2001-01-01T00:00:00Z");
    private static final String SCHEMA = "clickhouse_contract";

    private static final AtomicInteger FROM_CELLS = new AtomicInteger();
    private static final AtomicInteger REFUSED = new AtomicInteger();

    @RegisterExtension
    private static final TestCluster cluster = TestCluster.shared();

    private static PostgresServer postgres;
    private static FedRollups tables;
    private static PostgresRollups rollups;
    private static RollupFeed feed;
    private static ClickHouseUsage clickHouse;
    private final AtomicInteger figures = new AtomicInteger();
    private RollupWorker worker;

    @BeforeAll
    static void install() {
        postgres = PostgresServer.start();
        tables = FedRollups.install(postgres.dataSource(), SCHEMA, CLOCK);
        rollups = tables.rollups();
        feed = tables.feed();
        clickHouse = cluster.usage(cluster.install());
    }

    @AfterAll
    static void stop() {
        postgres.close();
        assertThat(FROM_CELLS).as("figures with days from ClickHouse").hasPositiveValue();
        assertThat(REFUSED).as("reads that weren't believed").hasValue(0);
    }

    @BeforeEach
    void empty() {
        execute("truncate {s}.projects, {s}.events, {s}.event_deliveries");
        worker = rollups.worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMinutes(1))
                .build();
    }

    @AfterEach
    void end() {
        worker.close();
    }

    private static void execute(String sql, Object... values) {
        try (Connection connection = postgres.dataSource().getConnection();
                PreparedStatement statement = connection.prepareStatement(sql.replace("{s}", SCHEMA))) {
            for (int i = 0; i < values.length; i++) {
                statement.setObject(i + 1, values[i] instanceof Instant at ? at.atOffset(ZoneOffset.UTC) : values[i]);
            }
            statement.execute();
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void event(
            String organisationId, Instant at, int bytes, int events, boolean delivered, Instant deliveredAt) {
        execute("""
                with project as (
                    insert into {s}.projects (id, organisation_id) values (?, ?)
                    on conflict (id) do update set organisation_id = excluded.organisation_id
                    returning id
                ),
                event as (
                    insert into {s}.events (id, project_id, raw, created_at)
                    select gen_random_uuid()::text, id, repeat('x', ?), ? from project, generate_series(1, ?)
                    returning id, project_id
                )
                insert into {s}.event_deliveries (id, project_id, event_id, status, created_at)
                select gen_random_uuid()::text, project_id, id, 'Success', ? from event where ?
                """, "project of " + organisationId, organisationId, bytes, at, events, deliveredAt, delivered);
    }

    @Override
    protected void received(String organisationId, Instant at, int bytes) {
        event(organisationId, at, bytes, 1, false, at);
    }

    @Override
    protected void receivedMany(String organisationId, Instant at, int bytes, int events) {
        event(organisationId, at, bytes, events, false, at);
    }

    @Override
    protected void sent(String organisationId, Instant at, int bytes) {
        event(organisationId, LONG_AGO, bytes, 1, true, at);
    }

    @Override
    protected void receivedAndSent(String organisationId, Instant at, int bytes) {
        event(organisationId, at, bytes, 1, true, at);
    }

    @Override
    protected UsageCalculator calculator() {
        UsageCalculator calculator = clickHouse.calculator(feed, new CellReadListener() {
            @Override
            public void fromCells(UsageKey key, long days) {
                if (days > 0) {
                    FROM_CELLS.incrementAndGet();
                }
            }

            @Override
            public void refused(UsageKey key, List<ProjectDays> days, boolean reshipped) {
                REFUSED.incrementAndGet();
            }
        });
        return (key, timeout) -> {
            int figure = figures.getAndIncrement();
            if (figure < FIRST_FIGURES || figure % FIRST_FIGURES == 0) {
                worker.runOnce();
                feed.ship(clickHouse.store(), 100_000, TIMEOUT);
            }
            return calculator.calculate(key, timeout);
        };
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
