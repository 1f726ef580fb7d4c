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
 * Contract of a service built from given adapters: one test case per cell of the table of states in the project's
 * {@code docs/how-it-behaves.md}, with the cache up and with the cache down. A test class of the adapters extends this class and
 * provides them.
 *
 * @since 0.1
 */
public abstract class UsageServiceContract {

    /** Optional features of the adapters under test. */
    public enum Capability {
        /** The cache keeps fallback copies: {@link UsageCache#fallback}. */
        FALLBACK,
        /** Single-flight is shared between services. */
        FLEET
    }

    /** Adapters over one empty cache and one empty source, for one cell of the table. */
    public interface Backend extends AutoCloseable {

        /** Returns a calculator of the source. */
        UsageCalculator calculator();

        /** Returns the builder of a service; sets its clocks unless they are the system's. */
        default UsageServiceBuilder builder(UsageCalculator calculator) {
            return UsageService.builder(calculator);
        }

        /** Advances the services' clocks, unless they are the system's. */
        default void elapse(Duration duration) {}

        /** Adds an event to the source. */
        void received(String organisationId, Instant at, int bytes);

        /** Returns a cache, as one process has it; the service closes it. */
        UsageCache openCache();

        /** Returns single-flight, as one process has it; the service closes it. */
        SingleFlight openSingleFlight();

        /** Makes the cache, and the store of single-flight, unreachable. */
        void disconnectCache();

        /** Makes all held leases expire at once, without notifying their holders. */
        void expireLeases();

        /** Overwrites the cache's entry of this key by an unreadable value, if the cache can hold one. */
        void corruptEntry(UsageKey key);

        /** Returns whether the cache has an entry of this key, readable or not. */
        boolean holdsEntry(UsageKey key);

        @Override
        void close();
    }

    /** Cell of the table: its row, its column and its test case. */
    private record Cell(String state, String column, Executable test) {}

    /** For subclasses. */
    protected UsageServiceContract() {}

    /** Returns an empty backend for one cell of the table, which closes it. */
    protected abstract Backend openBackend();

    /** Returns the features of the adapters. */
    protected abstract Set<Capability> capabilities();

    /** Returns how long a case waits for a state that services or the cache reach by themselves, before the case fails. */
    protected Duration patience() {
        return Duration.ofSeconds(30);
    }

    private interface Case {
        void run(ServiceFixture fixture) throws Exception;
    }

    private Cell up(String state, Case test) {
        return new Cell(state, "cache up", () -> run(test));
    }

    private Cell down(String state, Case test) {
        return new Cell(state, "cache down", () -> run(test));
    }

    private void run(Case test) throws Exception {
        try (ServiceFixture fixture = new ServiceFixture(openBackend(), patience())) {
            test.run(fixture);
        }
    }

    @TestFactory
    final Stream<DynamicTest> behavesAsTableOfStatesSays() {
        List<Cell> cells = new ArrayList<>(List.of(
                up("fresh", CacheUpCases::fresh),
                up("fresh, computed before the period's end", CacheUpCases::computedBeforePeriodEnd),
                up("soft-expired", CacheUpCases::softExpired),
                up("soft-expired, no permit", CacheUpCases::softExpiredWithoutPermit),
                up("soft-expired, refresh fails", CacheUpCases::softExpiredRefreshFails),
                up("in grace", CacheUpCases::inGrace),
                up("in grace, error", CacheUpCases::inGraceError),
                up("in grace, error that no retry cures", CacheUpCases::inGracePermanentError),
                up("in grace, timeout", CacheUpCases::inGraceTimeout),
                up("in grace, overload", CacheUpCases::inGraceOverload),
                up("past grace", CacheUpCases::pastGrace),
                up("absent, wait", CacheUpCases::absentWait),
                up("absent, wait up to d", CacheUpCases::absentWaitUpTo),
                up("absent, pending at once", CacheUpCases::absentPending),
                up("absent, overload", CacheUpCases::absentOverload),
                up("load failed, nothing stale", CacheUpCases::loadFailed),
                up("unreadable", CacheUpCases::unreadable),
                up("invalidated during a load", CacheUpCases::invalidatedDuringLoad),
                up("closed", CacheUpCases::closed),
                down("absent, fail open", CacheDownCases::failOpen),
                down("absent, no permit", CacheDownCases::noPermit),
                down("absent, fail closed", CacheDownCases::failClosed),
                down("load failed, nothing stale", CacheDownCases::loadFailed),
                down("invalidation", CacheDownCases::invalidation),
                down("closed", CacheDownCases::closed)));
        if (capabilities().contains(Capability.FALLBACK)) {
            cells.addAll(List.of(
                    down("fresh", CacheDownCases::fresh),
                    down("soft-expired", CacheDownCases::softExpired),
                    down("soft-expired, no permit", CacheDownCases::softExpiredWithoutPermit),
                    down("in grace", CacheDownCases::inGrace),
                    down("in grace, error", CacheDownCases::inGraceError),
                    down("in grace, error that no retry cures", CacheDownCases::inGracePermanentError),
                    down("in grace, fail closed", CacheDownCases::inGraceFailClosed)));
        } else {
            cells.add(down("fresh", CacheDownCases::withoutFallback));
        }
        if (capabilities().contains(Capability.FLEET)) {
            cells.addAll(List.of(
                    up("soft-expired, another refreshes", FleetCases::softExpiredElsewhere),
                    up("absent, another computes", FleetCases::absentElsewhere),
                    up("absent, another waits for a permit", FleetCases::absentWhereNoPermitIsFree),
                    up("load failed elsewhere", FleetCases::loadFailedElsewhere),
                    up("load failed elsewhere, error that no retry cures", FleetCases::permanentlyFailedElsewhere),
                    up("invalidated during a load elsewhere", FleetCases::invalidatedElsewhere),
                    up("lease lost during a load", FleetCases::leaseLost),
                    up("closed, another waits", FleetCases::closedReleases)));
        }
        return cells.stream().map(cell -> DynamicTest.dynamicTest(cell.state() + " | " + cell.column(), cell.test()));
    }
}
