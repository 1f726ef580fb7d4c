package io.usagekit.internal;

import io.usagekit.AgedUsage;
import io.usagekit.LoadOutcome;
import io.usagekit.LoadOutcome.Origin;
import io.usagekit.LoadTerms;
import io.usagekit.LoadTerms.RemoteLoads;
import io.usagekit.OutagePolicy;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.internal.flight.Causes;
import io.usagekit.internal.flight.Delays;
import io.usagekit.internal.flight.FlightTask;
import io.usagekit.internal.flight.Timers;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ForkJoinPool;
import java.util.concurrent.ForkJoinTask;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * One load of one figure, with a deadline of its own: it goes on when the caller that started it has stopped waiting.
 *
 * <p>{@link #compute}, {@link #store} and {@link #settle} do everything that is promised under any single-flight. Where the
 * single-flight is this library's engine, its hooks do the same earlier or more precisely; the load is {@code managed} then, and
 * each duty is done once.
 */
final class UsageLoad implements FlightTask {

    /** Why a figure is loaded. */
    enum Purpose {
        /** There is nothing to serve: any figure within the hard limit will do. */
        MISS,
        /** The cached figure is old: only a younger one will do, and no caller waits for it. */
        REFRESH,
        /** As a refresh, but a caller waits. */
        WARM,
        /** Only a figure computed from now on will do. */
        RENEWAL
    }

    private final Computations computations;
    private final UsageKey key;
    private final Purpose purpose;
    private final LoadTerms terms;
    private final boolean cacheDown;
    private final LoadBatch.@Nullable Member member;
    private final UsageListener listener;
    private final @Nullable Thread home;
    private final long deadline;
    private final AtomicBoolean started = new AtomicBoolean();
    private final LoadFailures failures;
    private volatile boolean managed;
    private volatile boolean leads;
    private volatile boolean stored;
    private volatile boolean ended;
    private volatile @Nullable Computation computation;

    /**
     * A load that hasn't started.
     *
     * @param batch the loads of the same call, if there are several
     */
    UsageLoad(
            Computations computations,
            UsageKey key,
            Purpose purpose,
            Duration acceptableAge,
            boolean cacheDown,
            @Nullable LoadBatch batch) {
        this.computations = computations;
        this.key = key;
        this.purpose = purpose;
        this.terms = new LoadTerms(
                computations.timeout(),
                acceptableAge,
                purpose == Purpose.REFRESH ? RemoteLoads.NOT_AWAITED : RemoteLoads.AWAITED,
                computations.cache().life());
        this.failures = new LoadFailures(computations, key, purpose);
        this.cacheDown = cacheDown;
        this.member = batch == null ? null : batch.join();
        this.listener = computations.listener();
        this.home = ForkJoinTask.getPool() == ForkJoinPool.commonPool() ? null : Thread.currentThread();
        this.deadline = computations.now() + computations.timeout().toNanos();
    }

    UsageKey key() {
        return key;
    }

    Purpose purpose() {
        return purpose;
    }

    /** Returns the terms, and takes the load for the leader's: no single-flight reads those of a follower. */
    @Override
    public LoadTerms terms() {
        leads = true;
        return terms;
    }

    /**
     * The thread that created the load, where a host's executor may run the computation; none if that is a thread of the common
     * pool, whose other tasks need it meanwhile: from JDK 25 on it may be the only one there.
     */
    @Nullable
    Thread home() {
        return home;
    }

    /** The time that is left until the deadline. */
    Duration left() {
        return Duration.ofNanos(deadline - computations.now());
    }

    /** The time that has passed since the call. */
    Duration waited() {
        return terms.timeout().minus(left());
    }

    /** A stored figure must be younger than this to make the computation unnecessary. */
    Duration acceptableAge() {
        return terms.acceptableAge();
    }

    /** Whether this load is the leader's; otherwise its caller has joined another one. */
    boolean isLeader() {
        return leads;
    }

    // What is promised under any single-flight

    @Override
    public CompletionStage<LoadOutcome> compute() {
        try {
            begin();
        } catch (Throwable error) {
            return CompletableFuture.failedFuture(error);
        }
        CompletableFuture<LoadOutcome> outcome = Futures.compose(
                lookAgain(),
                (cached, error) -> cached != null && cached.isPresent()
                        ? CompletableFuture.completedFuture(LoadOutcome.cached(cached.get()))
                        : computeNow(Lease.NONE));
        return managed ? outcome : withinDeadline(outcome);
    }

    private void begin() {
        leads = true;
        if (!started.compareAndSet(false, true)) {
            return;
        }
        if (ended) {
            throw failures.abandoned();
        }
        computations.started(this);
        failures.throwWhileBackingOff();
    }

    /**
     * Looks into the cache once more, which is what makes a burst one computation: a caller that found nothing, and was then
     * held up until a load had completed, starts a load of its own and finds what the first one stored.
     */
    private CompletableFuture<Optional<AgedUsage>> lookAgain() {
        if (cacheDown || terms.acceptableAge().isZero()) {
            return CompletableFuture.completedFuture(Optional.empty());
        }
        CompletableFuture<Lookup> reading =
                member == null ? computations.cache().read(key) : member.lookAgain(key);
        return reading.thenApply(lookup ->
                lookup.figure().filter(figure -> figure.age().compareTo(terms.acceptableAge()) < 0));
    }

    private CompletableFuture<LoadOutcome> computeNow(Lease lease) {
        if (ended) {
            return CompletableFuture.failedFuture(failures.abandoned());
        }
        Computation next = new Computation(computations, this, lease);
        computation = next;
        CompletableFuture<AgedUsage> figure = member == null ? next.start() : member.start(next);
        if (ended) {
            next.nobodyWaits();
        }
        return figure.thenApply(LoadOutcome::computed);
    }

    /** Fails at the deadline, and notes a failure before any caller receives it. */
    private CompletableFuture<LoadOutcome> withinDeadline(CompletableFuture<LoadOutcome> outcome) {
        CompletableFuture<LoadOutcome> first = new CompletableFuture<>();
        // What the host's single-flight has attached runs then.
        Delays.Timer timer =
                computations.delays().after(left(), () -> Timers.passOn(() -> first.completeExceptionally(timedOut())));
        var unused = outcome.whenComplete((value, error) -> {
            timer.cancel();
            if (error == null) {
                first.complete(value);
            } else {
                first.completeExceptionally(Causes.unwrap(error));
            }
        });
        return first.whenComplete((value, error) -> {
            if (error != null) {
                failed(Causes.unwrap(error));
                end();
            }
        });
    }

    /**
     * Writes a computed figure to the cache.
     *
     * @return completes when the write has ended: until then an invalidation could remove the figure too early
     */
    @Override
    public CompletionStage<Void> store(LoadOutcome outcome) {
        if (outcome.origin() != Origin.COMPUTED) {
            return CompletableFuture.completedFuture(null);
        }
        stored = true;
        AgedUsage figure = atPresentAge(outcome.figure().orElseThrow());
        return computations.cache().write(key, figure).toCompletableFuture().handle((done, error) -> {
            if (error == null) {
                published();
            } else {
                publicationFailed(outcome.figure().orElseThrow(), Causes.unwrap(error));
            }
            return null;
        });
    }

    /** Reports a caller that has joined another load, once the single-flight has returned its stage. */
    void returned(CompletableFuture<LoadOutcome> running) {
        if (!managed && !leads && !running.isCompletedExceptionally()) {
            leaveBatch();
            listener.coalesced(key);
        }
    }

    /** Does what is left to do when the single-flight has completed this load, or the one that its caller has joined. */
    void settle(@Nullable LoadOutcome outcome, @Nullable Throwable error) {
        if (managed) {
            return;
        }
        if (!leads) {
            ended = true;
            leaveBatch();
            return;
        }
        if (error != null) {
            failed(timeoutAsOurs(error));
        } else if (outcome != null && outcome.origin() == Origin.COMPUTED && !stored) {
            listener.publicationRejected(key);
        }
        end();
    }

    /** The error for callers: the time-out of a host's single-flight as that of this load. */
    Throwable timeoutAsOurs(Throwable error) {
        return error instanceof TimeoutException ? timedOut() : error;
    }

    private void leaveBatch() {
        if (member != null) {
            member.leave();
        }
    }

    private void end() {
        ended = true;
        leaveBatch();
        Computation last = computation;
        if (last != null) {
            last.nobodyWaits();
        }
        computations.ended(this);
    }

    // Hooks of this library's engine

    @Override
    public void started() {
        managed = true;
        begin();
    }

    @Override
    public void joined() {
        managed = true;
        leaveBatch();
        listener.coalesced(key);
    }

    @Override
    public Throwable timedOut() {
        return failures.timedOut(computation);
    }

    @Override
    public CompletionStage<LoadOutcome> computeUnderLease(Lease lease) {
        return computeNow(lease);
    }

    @Override
    public CompletionStage<Optional<AgedUsage>> look() {
        return lookAgain();
    }

    @Override
    public CompletionStage<LoadOutcome> computeUncoordinated(Throwable cause) {
        listener.coordinationFailed(key, cause);
        return computations.outagePolicy() == OutagePolicy.FAIL_CLOSED
                ? CompletableFuture.failedFuture(Computations.notWithoutCache(key, cause))
                : computeNow(Lease.NONE);
    }

    @Override
    public boolean mayGoOnUncoordinated(Throwable cause) {
        boolean may = computations.outagePolicy() == OutagePolicy.FAIL_OPEN;
        if (may) {
            listener.coordinationFailed(key, cause);
        }
        return may;
    }

    @Override
    public void computedUncoordinated(AgedUsage figure, Throwable cause) {
        keepUnstored(figure, cause);
    }

    /** The next caller finds the figure; while the cache is down, it would have to wait for a timeout for that. */
    @Override
    public boolean isStoreAwaited() {
        return !cacheDown;
    }

    @Override
    public Optional<Duration> backOff(Throwable error) {
        return failures.backOffOfOthers(error, computation);
    }

    @Override
    public void remoteLoadAwaited() {
        leaveBatch();
        listener.remoteLoadAwaited(key);
    }

    @Override
    public AgedUsage atPresentAge(AgedUsage figure) {
        Computation last = computation;
        return last == null ? figure : last.atPresentAge(figure);
    }

    @Override
    public void publicationRejected() {
        listener.publicationRejected(key);
    }

    @Override
    public void published() {
        computations.writeOutage().succeeded();
    }

    @Override
    public void publicationFailed(AgedUsage figure, Throwable error) {
        keepUnstored(figure, error);
        listener.cacheWriteFailed(key, error);
    }

    /** Keeps a figure as the fallback copy. Where the cache can't be read either, the reads of later calls show that outage. */
    private void keepUnstored(AgedUsage figure, Throwable error) {
        computations.cache().putFallback(key, atPresentAge(figure));
        if (!cacheDown) {
            computations.writeOutage().failed(key, error);
        }
    }

    @Override
    public void failed(Throwable error) {
        failures.note(error, computation);
    }

    @Override
    public void ended() {
        managed = true;
        end();
    }

    /** Fails the computation since the service is closed: its callers needn't wait for the deadline. */
    void abandon() {
        Computation last = computation;
        if (last != null) {
            last.refused();
        }
    }
}
