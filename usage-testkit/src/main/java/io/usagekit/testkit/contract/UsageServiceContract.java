package io.usagekit.testkit.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.usagekit.Freshness;
import io.usagekit.MissPolicy;
import io.usagekit.OutagePolicy;
import io.usagekit.SingleFlight;
import io.usagekit.UsageCache;
import io.usagekit.UsageCacheException;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsageOverloadedException;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.UsageUnavailableException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Future;
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
        /** The cache remembers figures in this process: {@link UsageCache#reserve}. */
        RESERVE,
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
        void in(ContractScene scene) throws Exception;
    }

    private Cell up(String state, Walk walk) {
        return new Cell(state, "cache there", () -> walk(walk));
    }

    private Cell away(String state, Walk walk) {
        return new Cell(state, "cache away", () -> walk(walk));
    }

    private void walk(Walk walk) throws Exception {
        try (ContractScene scene = new ContractScene(openBackend())) {
            walk.in(scene);
        }
    }

    @TestFactory
    final Stream<DynamicTest> everyCellOfTheTable() {
        List<Cell> cells = new ArrayList<>(List.of(
                up("fresh", UsageServiceContract::fresh),
                up("soft-expired", UsageServiceContract::softExpired),
                up("soft-expired, no permit", UsageServiceContract::softExpiredWithoutPermit),
                up("soft-expired, refresh fails", UsageServiceContract::softExpiredRefreshFails),
                up("in grace", UsageServiceContract::inGrace),
                up("in grace, error", UsageServiceContract::inGraceError),
                up("in grace, timeout", UsageServiceContract::inGraceTimeout),
                up("in grace, overload", UsageServiceContract::inGraceOverload),
                up("past its grace", UsageServiceContract::pastItsGrace),
                up("absent, wait", UsageServiceContract::absentWait),
                up("absent, wait up to d", UsageServiceContract::absentWaitUpTo),
                up("absent, pending at once", UsageServiceContract::absentPending),
                up("absent, overload", UsageServiceContract::absentOverload),
                up("load failed, nothing stale", UsageServiceContract::loadFailed),
                up("unreadable", UsageServiceContract::unreadable),
                up("invalidated during a load", UsageServiceContract::invalidatedDuringLoad),
                up("closed", UsageServiceContract::closed),
                away("absent, fail open", UsageServiceContract::awayFailOpen),
                away("absent, no permit", UsageServiceContract::awayNoPermit),
                away("absent, fail closed", UsageServiceContract::awayFailClosed),
                away("load failed, nothing stale", UsageServiceContract::awayLoadFailed),
                away("invalidation", UsageServiceContract::awayInvalidation),
                away("closed", UsageServiceContract::awayClosed)));
        if (capabilities().contains(Capability.RESERVE)) {
            cells.addAll(List.of(
                    away("fresh", UsageServiceContract::awayFresh),
                    away("soft-expired", UsageServiceContract::awaySoftExpired),
                    away("soft-expired, no permit", UsageServiceContract::awaySoftExpiredWithoutPermit),
                    away("in grace", UsageServiceContract::awayInGrace),
                    away("in grace, error", UsageServiceContract::awayInGraceError),
                    away("in grace, fail closed", UsageServiceContract::awayInGraceFailClosed)));
        } else {
            cells.add(away("fresh", UsageServiceContract::awayWithoutReserve));
        }
        if (capabilities().contains(Capability.FLEET)) {
            cells.addAll(List.of(
                    up("soft-expired, another refreshes", UsageServiceContract::softExpiredElsewhere),
                    up("absent, another computes", UsageServiceContract::absentElsewhere),
                    up("load failed elsewhere", UsageServiceContract::loadFailedElsewhere),
                    up("invalidated during a load elsewhere", UsageServiceContract::invalidatedElsewhere),
                    up("lease lost during a load", UsageServiceContract::leaseLost),
                    up("closed, another waits", UsageServiceContract::closedReleases)));
        }
        return cells.stream().map(cell -> DynamicTest.dynamicTest(cell.state() + " | " + cell.column(), cell.walk()));
    }

    // Cache there.

    private static void fresh(ContractScene scene) {
        UsageService service = scene.open();
        scene.keep(ContractScene.FRESH);
        scene.assertOld(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(0);
    }

    private static void softExpired(ContractScene scene) throws Exception {
        UsageService service = scene.open();
        scene.keep(ContractScene.SOFT_EXPIRED);
        scene.calculator().hold();
        scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.calculator().awaitBegun(1);
        for (int i = 0; i < 10; i++) {
            scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
        }
        scene.calculator().release();
        scene.eventually(
                "the refreshed figure is served",
                () -> scene.isNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH)));
        scene.assertComputations(1);
    }

    private static void softExpiredWithoutPermit(ContractScene scene) throws Exception {
        UsageService service = scene.open(scene.builder().maxConcurrentComputations(1));
        scene.keep(ContractScene.SOFT_EXPIRED);
        scene.takeAllPermits(service);
        scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.awaitEvent("refreshDropped");
        scene.assertComputations(1);
        scene.calculator().release();
        scene.eventually(
                "a later hit starts it",
                () -> scene.isNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH)));
    }

    private static void softExpiredRefreshFails(ContractScene scene) throws Exception {
        UsageService service = scene.open();
        scene.keep(ContractScene.SOFT_EXPIRED);
        scene.calculator().fail();
        scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.awaitEvent("refreshFailed");
        for (int i = 0; i < 10; i++) {
            scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
        }
        scene.assertComputations(1);
    }

    private static void softExpiredElsewhere(ContractScene scene) throws Exception {
        UsageService other = scene.open();
        UsageService service = scene.open();
        scene.keep(ContractScene.SOFT_EXPIRED);
        scene.calculator().hold();
        CompletionStage<UsageResult> computing = other.refreshAsync(ContractScene.ORG, ContractScene.MARCH);
        scene.calculator().awaitBegun(1);
        scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.calculator().release();
        scene.assertNew(Freshness.FRESH, ContractScene.resultOf(computing));
        scene.eventually(
                "the other's figure is served",
                () -> scene.isNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH)));
        scene.assertComputations(1);
    }

    private static void inGrace(ContractScene scene) {
        UsageService service = scene.open();
        scene.keep(ContractScene.IN_GRACE);
        scene.assertNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(1);
    }

    private static void inGraceError(ContractScene scene) {
        UsageService service = scene.open();
        scene.keep(ContractScene.IN_GRACE);
        scene.calculator().fail();
        for (int i = 0; i < 10; i++) {
            scene.assertOld(Freshness.STALE_ON_ERROR, service.get(ContractScene.ORG, ContractScene.MARCH));
        }
        scene.assertComputations(1);
    }

    private static void inGraceTimeout(ContractScene scene) throws Exception {
        for (MissPolicy policy : List.of(MissPolicy.awaitUpTo(Duration.ofMillis(20)), MissPolicy.pending())) {
            UsageService service = scene.open(scene.builder().missPolicy(policy));
            scene.keep(ContractScene.IN_GRACE);
            scene.calculator().hold();
            scene.assertOld(Freshness.STALE_ON_ERROR, service.get(ContractScene.ORG, ContractScene.MARCH));
            scene.calculator().awaitBegun(1);
            scene.calculator().release();
            scene.eventually(
                    "the figure comes",
                    () -> scene.isNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH)));
        }
        scene.assertComputations(2);
    }

    private static void inGraceOverload(ContractScene scene) throws Exception {
        UsageService service =
                scene.open(scene.builder().maxConcurrentComputations(1).maxQueuedComputations(0));
        scene.keep(ContractScene.IN_GRACE);
        scene.takeAllPermits(service);
        scene.assertOld(Freshness.STALE_ON_ERROR, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(1);
    }

    private static void pastItsGrace(ContractScene scene) {
        UsageService service = scene.open();
        scene.keep(ContractScene.PAST_ITS_GRACE);
        scene.calculator().fail();
        assertThrows(UsageCalculationException.class, () -> service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(1);
    }

    private static void absentWait(ContractScene scene) throws Exception {
        UsageService service = scene.open();
        scene.calculator().hold();
        List<Future<UsageResult>> callers =
                scene.callTogether(16, () -> service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.calculator().awaitBegun(1);
        scene.calculator().release();
        for (Future<UsageResult> caller : callers) {
            scene.assertNew(Freshness.FRESH, ContractScene.resultOf(caller));
        }
        scene.assertNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(1);
    }

    private static void absentWaitUpTo(ContractScene scene) throws Exception {
        UsageService service = scene.open(scene.builder().missPolicy(MissPolicy.awaitUpTo(Duration.ofMillis(20))));
        scene.calculator().hold();
        assertPending(service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.calculator().awaitBegun(1);
        scene.calculator().release();
        scene.eventually(
                "the figure comes",
                () -> scene.isNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH)));
        scene.assertComputations(1);
    }

    private static void absentPending(ContractScene scene) throws Exception {
        UsageService service = scene.open(scene.builder().missPolicy(MissPolicy.pending()));
        scene.calculator().hold();
        assertPending(service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.calculator().awaitBegun(1);
        scene.calculator().release();
        scene.eventually(
                "the figure comes",
                () -> scene.isNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH)));
        scene.assertComputations(1);
    }

    private static void absentElsewhere(ContractScene scene) throws Exception {
        UsageService other = scene.open();
        UsageService service = scene.open();
        scene.calculator().hold();
        CompletionStage<UsageResult> computing = other.getAsync(ContractScene.ORG, ContractScene.MARCH);
        scene.calculator().awaitBegun(1);
        CompletionStage<UsageResult> waiting = service.getAsync(ContractScene.ORG, ContractScene.MARCH);
        scene.awaitEvent("followed");
        assertFalse(waiting.toCompletableFuture().isDone(), "it waits for the other's figure");
        scene.calculator().release();
        scene.assertNew(Freshness.FRESH, ContractScene.resultOf(waiting));
        scene.assertNew(Freshness.FRESH, ContractScene.resultOf(computing));
        scene.assertComputations(1);
    }

    private static void absentOverload(ContractScene scene) throws Exception {
        UsageService service =
                scene.open(scene.builder().maxConcurrentComputations(1).maxQueuedComputations(0));
        UsageService patient = scene.open(scene.builder()
                .maxConcurrentComputations(1)
                .maxQueuedComputations(0)
                .missPolicy(MissPolicy.awaitUpTo(Duration.ofMinutes(1))));
        scene.takeAllPermits(service);
        assertThrows(UsageOverloadedException.class, () -> service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.takeAllPermits(patient);
        assertPending(patient.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(2);
        scene.calculator().release();
    }

    private static void loadFailed(ContractScene scene) throws Exception {
        UsageService service = scene.open();
        assertOneErrorForAll(scene, service);
    }

    private static void assertOneErrorForAll(ContractScene scene, UsageService service) throws Exception {
        scene.calculator().hold();
        scene.calculator().fail();
        List<Future<UsageResult>> callers =
                scene.callTogether(16, () -> service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.calculator().awaitBegun(1);
        scene.calculator().release();
        Throwable error = ContractScene.failureOf(callers.get(0));
        assertInstanceOf(UsageCalculationException.class, error);
        for (Future<UsageResult> caller : callers) {
            assertEquals(error, ContractScene.failureOf(caller), "what those who joined get");
        }
        assertEquals(
                error,
                assertThrows(UsageException.class, () -> service.get(ContractScene.ORG, ContractScene.MARCH)),
                "what those get who ask a moment later");
        scene.assertComputations(1);
        scene.calculator().recover();
        scene.eventually("after the back-off somebody tries again", () -> {
            try {
                return scene.isNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
            } catch (UsageCalculationException e) {
                scene.elapse(Duration.ofMillis(100));
                return false;
            }
        });
        scene.assertComputations(2);
    }

    private static void loadFailedElsewhere(ContractScene scene) throws Exception {
        UsageService other = scene.open();
        UsageService service = scene.open();
        scene.calculator().hold();
        scene.calculator().fail();
        CompletionStage<UsageResult> computing = other.getAsync(ContractScene.ORG, ContractScene.MARCH);
        scene.calculator().awaitBegun(1);
        CompletionStage<UsageResult> waiting = service.getAsync(ContractScene.ORG, ContractScene.MARCH);
        scene.awaitEvent("followed");
        scene.calculator().release();
        assertInstanceOf(UsageCalculationException.class, ContractScene.failureOf(computing));
        Throwable shared = ContractScene.failureOf(waiting);
        assertInstanceOf(UsageCalculationException.class, shared);
        assertTrue(
                String.valueOf(shared.getMessage()).contains(HeldComputations.MESSAGE), () -> "it says why: " + shared);
        scene.assertComputations(1);
    }

    private static void unreadable(ContractScene scene) {
        UsageService service = scene.open();
        scene.backend().garble(ContractScene.KEY);
        boolean isThere = scene.backend().holdsEntry(ContractScene.KEY);
        scene.assertNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        if (isThere) {
            scene.awaitEvent("entryUnreadable");
        }
        scene.assertNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(1);
    }

    private static void invalidatedDuringLoad(ContractScene scene) throws Exception {
        UsageService service = scene.open();
        scene.calculator().holdResult();
        CompletionStage<UsageResult> joined = service.getAsync(ContractScene.ORG, ContractScene.MARCH);
        scene.calculator().awaitBegun(1);
        scene.change();
        service.invalidate(ContractScene.ORG, ContractScene.MARCH);
        CompletionStage<UsageResult> next = service.getAsync(ContractScene.ORG, ContractScene.MARCH);
        scene.calculator().awaitBegun(1);
        scene.calculator().release();
        scene.assertNew(Freshness.FRESH, ContractScene.resultOf(joined));
        scene.assertChanged(Freshness.FRESH, ContractScene.resultOf(next));
        scene.assertChanged(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.awaitEvent("fencedOff");
        scene.assertComputations(2);
    }

    private static void invalidatedElsewhere(ContractScene scene) throws Exception {
        UsageService other = scene.open();
        UsageService service = scene.open();
        scene.calculator().holdResult();
        CompletionStage<UsageResult> joined = service.getAsync(ContractScene.ORG, ContractScene.MARCH);
        scene.calculator().awaitBegun(1);
        scene.change();
        other.invalidate(ContractScene.ORG);
        assertFalse(scene.backend().holdsEntry(ContractScene.KEY));
        scene.calculator().release();
        scene.assertNew(Freshness.FRESH, ContractScene.resultOf(joined));
        scene.assertChanged(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertChanged(Freshness.FRESH, other.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(2);
    }

    private static void leaseLost(ContractScene scene) throws Exception {
        UsageService paused = scene.open();
        UsageService service = scene.open();
        scene.calculator().holdResult();
        CompletionStage<UsageResult> late = paused.getAsync(ContractScene.ORG, ContractScene.MARCH);
        scene.calculator().awaitBegun(1);
        scene.calculator().passOthers();
        scene.change();
        scene.backend().loseLeases();
        scene.assertChanged(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.calculator().release();
        scene.assertChanged(Freshness.FRESH, ContractScene.resultOf(late));
        scene.awaitEvent("fencedOff");
        scene.assertChanged(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(2);
    }

    private static void closed(ContractScene scene) throws Exception {
        UsageService service = scene.open();
        scene.calculator().hold();
        CompletionStage<UsageResult> joined = service.getAsync(ContractScene.ORG, ContractScene.MARCH);
        scene.calculator().awaitBegun(1);
        Future<?> closing = scene.call(() -> {
            service.close();
            return null;
        });
        scene.eventually("new calls are rejected", () -> {
            try {
                service.invalidate("org-other", ContractScene.MARCH);
                return false;
            } catch (IllegalStateException e) {
                return true;
            }
        });
        scene.calculator().release();
        scene.assertNew(Freshness.FRESH, ContractScene.resultOf(joined));
        ContractScene.resultOf(closing);
        assertThrows(IllegalStateException.class, () -> service.get(ContractScene.ORG, ContractScene.MARCH));
        assertTrue(scene.backend().holdsEntry(ContractScene.KEY), "what was drained was kept");
    }

    private static void closedReleases(ContractScene scene) throws Exception {
        UsageService service = scene.open(scene.builder().drainTimeout(Duration.ZERO));
        UsageService other = scene.open();
        scene.calculator().hold();
        CompletionStage<UsageResult> cut = service.getAsync(ContractScene.ORG, ContractScene.MARCH);
        scene.calculator().awaitBegun(1);
        CompletionStage<UsageResult> waiting = other.getAsync(ContractScene.ORG, ContractScene.MARCH);
        scene.awaitEvent("followed");
        scene.calculator().passOthers();
        service.close();
        assertInstanceOf(UsageCalculationException.class, ContractScene.failureOf(cut));
        scene.assertNew(Freshness.FRESH, ContractScene.resultOf(waiting));
        scene.assertComputations(2);
    }

    // Cache away.

    private static void awayFresh(ContractScene scene) {
        UsageService service = scene.open();
        scene.keepAndRemember(service, ContractScene.FRESH);
        scene.backend().takeCacheAway();
        scene.eventually(
                "the reserve is never fresh",
                () -> scene.isOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH)));
        scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(0);
    }

    private static void awayWithoutReserve(ContractScene scene) {
        UsageService service = scene.open();
        scene.keep(ContractScene.FRESH);
        scene.backend().takeCacheAway();
        scene.assertNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(1);
    }

    private static void awaySoftExpired(ContractScene scene) throws Exception {
        UsageService service = scene.open();
        scene.calculator().fail();
        scene.keepAndRemember(service, ContractScene.SOFT_EXPIRED);
        scene.backend().takeCacheAway();
        scene.eventually("the cache is known to be away", () -> {
            scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
            return scene.events("cacheReadFailed") > 0;
        });
        scene.calculator().recover();
        scene.eventually("the refreshed figure is the reserve", () -> {
            UsageResult result = service.get(ContractScene.ORG, ContractScene.MARCH);
            assertEquals(Freshness.STALE, result.freshness());
            scene.elapse(Duration.ofMillis(100));
            return scene.isNew(Freshness.STALE, result);
        });
    }

    private static void awaySoftExpiredWithoutPermit(ContractScene scene) throws Exception {
        UsageService service = scene.open(scene.builder().maxConcurrentComputations(1));
        scene.keep(ContractScene.SOFT_EXPIRED);
        scene.takeAllPermits(service);
        scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.backend().takeCacheAway();
        scene.eventually("the cache is known to be away", () -> {
            scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
            return scene.events("cacheReadFailed") > 0;
        });
        int dropped = scene.events("refreshDropped");
        scene.eventually("no refresh without a permit", () -> {
            scene.assertOld(Freshness.STALE, service.get(ContractScene.ORG, ContractScene.MARCH));
            return scene.events("refreshDropped") > dropped;
        });
        scene.assertComputations(1);
        scene.calculator().release();
    }

    private static void awayInGrace(ContractScene scene) {
        UsageService service = scene.open();
        scene.keepAndRemember(service, ContractScene.IN_GRACE);
        scene.backend().takeCacheAway();
        scene.assertNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(1);
    }

    private static void awayInGraceError(ContractScene scene) {
        UsageService service = scene.open();
        scene.keepAndRemember(service, ContractScene.IN_GRACE);
        scene.backend().takeCacheAway();
        scene.calculator().fail();
        for (int i = 0; i < 10; i++) {
            scene.assertOld(Freshness.STALE_ON_ERROR, service.get(ContractScene.ORG, ContractScene.MARCH));
        }
        scene.assertComputations(1);
    }

    private static void awayInGraceFailClosed(ContractScene scene) {
        UsageService service = scene.open(scene.builder().outagePolicy(OutagePolicy.FAIL_CLOSED));
        scene.keepAndRemember(service, ContractScene.IN_GRACE);
        scene.backend().takeCacheAway();
        scene.assertOld(Freshness.STALE_ON_ERROR, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(0);
    }

    private static void awayFailOpen(ContractScene scene) {
        UsageService service = scene.open();
        scene.backend().takeCacheAway();
        scene.assertNew(Freshness.FRESH, service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(1);
    }

    private static void awayNoPermit(ContractScene scene) throws Exception {
        UsageService service =
                scene.open(scene.builder().maxConcurrentComputations(1).maxQueuedComputations(0));
        scene.backend().takeCacheAway();
        scene.takeAllPermits(service);
        assertPending(service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(1);
        scene.calculator().release();
    }

    private static void awayFailClosed(ContractScene scene) {
        UsageService service = scene.open(scene.builder().outagePolicy(OutagePolicy.FAIL_CLOSED));
        scene.backend().takeCacheAway();
        assertThrows(UsageUnavailableException.class, () -> service.get(ContractScene.ORG, ContractScene.MARCH));
        scene.assertComputations(0);
    }

    private static void awayLoadFailed(ContractScene scene) throws Exception {
        UsageService service = scene.open();
        scene.backend().takeCacheAway();
        assertOneErrorForAll(scene, service);
    }

    private static void awayInvalidation(ContractScene scene) {
        UsageService service = scene.open();
        scene.backend().takeCacheAway();
        assertThrows(UsageCacheException.class, () -> service.invalidate(ContractScene.ORG, ContractScene.MARCH));
        assertThrows(UsageCacheException.class, () -> service.invalidate(ContractScene.ORG));
    }

    private static void awayClosed(ContractScene scene) {
        UsageService service = scene.open();
        scene.backend().takeCacheAway();
        service.close();
        service.close();
        assertThrows(IllegalStateException.class, () -> service.get(ContractScene.ORG, ContractScene.MARCH));
    }

    private static void assertPending(UsageResult result) {
        assertEquals(Freshness.PENDING, result.freshness());
        assertTrue(result.usage().isEmpty(), "no zero that nobody computed");
    }
}
