package io.usagekit.clickhouse;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.spi.CellStore;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.servers.PostgresServer;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Inserts that the feed gave up, since a server stalled, and that arrive nevertheless: before the next cycle, after it, or after superseded cells were
 * removed. What they say was changed back meanwhile.
 */
@Tag("thorough")
class ClickHouseLateInsertsIT {

    /** When the insert arrives. */
    enum Arrival {
        BEFORE_THE_NEXT_CYCLE,
        IN_THE_NEXT_CYCLE,
        AFTER_IT,
        AFTER_REMOVAL
    }

    private static final String SCHEMA = "clickhouse_late";
    private static final UsageKey MARCH = new UsageKey("o", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final ManualClock CLOCK = ManualClock.at("2026-04-02T12:00:00Z");

    @RegisterExtension
    private static final TestCluster cluster = TestCluster.shared();

    private static ClickHouseUsage clickHouse;
    private static PostgresServer postgres;
    private static FedRollups tables;
    private static PostgresRollups rollups;
    private static RollupFeed feed;
    private static int events;

    /** What the figure was, by the instant of the state. */
    private static final Map<Instant, Long> STATES = new HashMap<>();

    private final CellReads reads = new CellReads();

    @BeforeAll
    static void start() {
        postgres = PostgresServer.start();
        tables = FedRollups.install(postgres.dataSource(), SCHEMA, CLOCK);
        rollups = tables.rollups();
        feed = tables.feed();
        clickHouse = cluster.usage(cluster.install(), CLOCK);
        execute("insert into {s}.projects (id, organisation_id) select 'p-' || n, 'o' from generate_series(1, 4) n");
        events = 0;
        STATES.clear();
    }

    @AfterAll
    static void stop() {
        postgres.close();
    }

    private static void execute(String... statements) {
        tables.execute(statements);
    }

    /** A call of the store that hasn't arrived. */
    private interface Call {
        void arrive() throws Throwable;
    }

    /** Each call at one of the times, and each time for one of the calls. */
    static Stream<Arguments> calls() {
        List<String> calls = List.of("insertCells", "insertDays", "insertProjects", "publish");
        int first = new Random().nextInt(calls.size());
        return IntStream.range(0, calls.size())
                .mapToObj(i -> Arguments.of(calls.get(i), Arrival.values()[(first + i) % calls.size()]));
    }

    @ParameterizedTest
    @MethodSource("calls")
    void areSuperseded(String call, Arrival arrival) throws Throwable {
        insertEvents();
        ship(clickHouse.store());
        insertEvents();
        execute("insert into {s}.projects (id, organisation_id) values ('late', 'o')");
        execute("update {s}.projects set organisation_id = 'another' where id = 'p-1'");
        List<Call> late = new ArrayList<>();
        assertThatThrownBy(() -> ship(givingUp(call, late))).isInstanceOf(UsageStorageException.class);
        assertThat(late).hasSize(1);
        execute("delete from {s}.events where id = 'e-" + events-- + "'");
        execute("delete from {s}.projects where id = 'late'");
        execute("update {s}.projects set organisation_id = 'o'");

        if (arrival == Arrival.BEFORE_THE_NEXT_CYCLE) {
            late.get(0).arrive();
            assertExact();
        }
        CellStore next = clickHouse.store();
        ship(arrival == Arrival.IN_THE_NEXT_CYCLE ? arriving(next, late.get(0)) : next);
        assertExact();
        if (arrival == Arrival.AFTER_REMOVAL) {
            clickHouse.removeSuperseded(Duration.ofMinutes(1), 10);
            assertExact();
        }
        late.get(0).arrive();
        assertExact();
        assertNothingDiffers();

        insertEvents();
        ship(clickHouse.store());
        assertExact();
        assertThat(history().createdAt()).as("of the last cycle").isEqualTo(CLOCK.instant());
        assertNothingDiffers();
        assertThat(reads.refused).isEmpty();
    }

    /** In hours of all projects that were shipped before, and in new ones. */
    private static void insertEvents() {
        for (int project = 1; project <= 4; project++) {
            events++;
            execute("insert into {s}.events (id, project_id, raw, created_at) values ('e-" + events + "', 'p-" + project
                    + "', 'seven b', timestamptz '2026-03-17T09:10:00Z' + " + events % 40 + " * interval '1 hour')");
        }
    }

    private static void ship(CellStore store) {
        try (RollupWorker worker = rollups.worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMinutes(1))
                .build()) {
            assertThat(worker.runOnce().finished()).isTrue();
        }
        CLOCK.advance(Duration.ofSeconds(1));
        long volume = PostgresUsage.calculator(postgres.dataSource(), TableMapping.usagekit(SCHEMA))
                .calculate(MARCH, TIMEOUT)
                .received()
                .volume();
        STATES.put(CLOCK.instant(), volume);
        assertThat(feed.ship(store, RollupFeed.MAX_HOURS, TIMEOUT)).isPresent();
    }

    /** The call isn't answered; it arrives when the test says. */
    private static CellStore givingUp(String call, List<Call> late) {
        CellStore store = clickHouse.store();
        return CyclePoint.proxy(CellStore.class, (proxy, method, values) -> {
            if (method.getName().equals(call)) {
                late.add(() -> CyclePoint.invoke(store, method, values));
                throw new UsageStorageException("given up", null);
            }
            return CyclePoint.invoke(store, method, values);
        });
    }

    /** After the cycle has read the highest version, and before it inserts. */
    private static CellStore arriving(CellStore store, Call late) {
        return CyclePoint.proxy(CellStore.class, (proxy, method, values) -> {
            Object result = CyclePoint.invoke(store, method, values);
            if (method.getName().equals("highestVersion")) {
                late.arrive();
            }
            return result;
        });
    }

    private void assertExact() {
        OrganisationUsage figure = clickHouse.calculator(feed, reads).calculate(MARCH, TIMEOUT);
        assertThat(figure.received().volume()).isEqualTo(events);
        OrganisationUsage state = history();
        assertThat(state.received().volume()).isEqualTo(STATES.get(state.createdAt()));
    }

    private static OrganisationUsage history() {
        return clickHouse.history(Duration.ofDays(1)).calculate(MARCH, TIMEOUT);
    }

    private static void assertNothingDiffers() {
        List<ProjectDays> differing = new ArrayList<>();
        feed.verify(clickHouse.reader(), TIMEOUT, differing::add);
        assertThat(differing).isEmpty();
    }
}
