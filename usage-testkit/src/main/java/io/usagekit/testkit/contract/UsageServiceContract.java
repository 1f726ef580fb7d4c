package io.usagekit.testkit.contract;

import io.usagekit.SingleFlight;
import io.usagekit.UsageCache;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.function.Executable;

/**
 * What a service does in each state of its cache, with the cache there and with the cache away: the table in the project's
 * {@code docs/how-it-behaves.md}, cell by cell. Extend it, and give it the adapters that the service is to be built from.
 *
 * @since 0.1
 */
public abstract class UsageServiceContract {

    /** What the adapters under test can do beyond the least. */
    public enum Capability {
        /** The cache remembers figures in this process: {@link UsageCache#fallback}. */
        FALLBACK,
        /** Single-flight spans services. */
        FLEET
    }

    /** Adapters over one empty cache and one empty source, for one cell of the table. */
    public interface Backend extends AutoCloseable {

        /** Over the source. */
        UsageCalculator calculator();

        /** Begins to build a service; sets its clocks where they aren't the system's. */
        default UsageServiceBuilder builder(UsageCalculator calculator) {
            return UsageService.builder(calculator);
        }

        /** Lets time pass for services, where it doesn't by itself. */
        default void elapse(Duration duration) {}

        /** Adds an event to the source. */
        void received(String organisationId, Instant at, int bytes);

        /** A cache, as one process has it; the service closes it. */
        UsageCache openCache();

        /** Single-flight, as one process has it; the service closes it. */
        SingleFlight openSingleFlight();

        /** Makes the cache, and what single-flight shares between processes, unreachable. */
        void takeCacheAway();

        /** Makes the leases that are held run out at once, without telling those who hold them. */
        void loseLeases();

        /** Puts something at the cache's entry of this key that isn't a figure, where the cache can hold such a thing. */
        void garble(UsageKey key);

        /** Whether anything is at the cache's entry of this key, a figure or not. */
        boolean holdsEntry(UsageKey key);

        @Override
        void close();
    }

    /** What a row of the table is called, and what its two columns are. */
    private record Cell(String state, String column, Executable walk) {}

    /** For subclasses. */
    protected UsageServiceContract() {}

    /** Opened for each cell of the table. */
    protected abstract Backend openBackend();

    /** What the adapters can do. */
    protected abstract Set<Capability> capabilities();

    private interface Walk {
        void in(ServiceFixture scene) throws Exception;
    }

    private Cell up(String state, Walk walk) {
        return new Cell(state, "cache there", () -> walk(walk));
    }

    private Cell away(String state, Walk walk) {
        return new Cell(state, "cache away", () -> walk(walk));
    }

    private void walk(Walk walk) throws Exception {
        try (ServiceFixture scene = new ServiceFixture(openBackend())) {
            walk.in(scene);
        }
    }

    @TestFactory
    final Stream<DynamicTest> everyCellOfTheTable() {
        List<Cell> cells = new ArrayList<>(List.of(
                up("fresh", CacheUpCases::fresh),
                up("soft-expired", CacheUpCases::softExpired),
                up("soft-expired, no permit", CacheUpCases::softExpiredWithoutPermit),
                up("soft-expired, refresh fails", CacheUpCases::softExpiredRefreshFails),
                up("in grace", CacheUpCases::inGrace),
                up("in grace, error", CacheUpCases::inGraceError),
                up("in grace, timeout", CacheUpCases::inGraceTimeout),
                up("in grace, overload", CacheUpCases::inGraceOverload),
                up("past its grace", CacheUpCases::pastItsGrace),
                up("absent, wait", CacheUpCases::absentWait),
                up("absent, wait up to d", CacheUpCases::absentWaitUpTo),
                up("absent, pending at once", CacheUpCases::absentPending),
                up("absent, overload", CacheUpCases::absentOverload),
                up("load failed, nothing stale", CacheUpCases::loadFailed),
                up("unreadable", CacheUpCases::unreadable),
                up("invalidated during a load", CacheUpCases::invalidatedDuringLoad),
                up("closed", CacheUpCases::closed),
                away("absent, fail open", CacheDownCases::failOpen),
                away("absent, no permit", CacheDownCases::noPermit),
                away("absent, fail closed", CacheDownCases::failClosed),
                away("load failed, nothing stale", CacheDownCases::loadFailed),
                away("invalidation", CacheDownCases::invalidation),
                away("closed", CacheDownCases::closed)));
        if (capabilities().contains(Capability.FALLBACK)) {
            cells.addAll(List.of(
                    away("fresh", CacheDownCases::fresh),
                    away("soft-expired", CacheDownCases::softExpired),
                    away("soft-expired, no permit", CacheDownCases::softExpiredWithoutPermit),
                    away("in grace", CacheDownCases::inGrace),
                    away("in grace, error", CacheDownCases::inGraceError),
                    away("in grace, fail closed", CacheDownCases::inGraceFailClosed)));
        } else {
            cells.add(away("fresh", CacheDownCases::withoutFallback));
        }
        if (capabilities().contains(Capability.FLEET)) {
            cells.addAll(List.of(
                    up("soft-expired, another refreshes", FleetCases::softExpiredElsewhere),
                    up("absent, another computes", FleetCases::absentElsewhere),
                    up("load failed elsewhere", FleetCases::loadFailedElsewhere),
                    up("invalidated during a load elsewhere", FleetCases::invalidatedElsewhere),
                    up("lease lost during a load", FleetCases::leaseLost),
                    up("closed, another waits", FleetCases::closedReleases)));
        }
        return cells.stream().map(cell -> DynamicTest.dynamicTest(cell.state() + " | " + cell.column(), cell.walk()));
    }
}
