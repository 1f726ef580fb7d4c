package io.usagekit.testkit;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.FlightStore.Publication;
import io.usagekit.FlightStore.Registration;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Data that an in-memory cache and the flight stores over it share, as processes share a server: figures, leases, fences and
 * registered wake-ups. Each method is one atomic step; wake-up actions run after it.
 */
final class InMemoryStore {

    private static final int MAX_REASON_LENGTH = 200;
    private static final int FEWEST_TO_REMOVE = 64;

    private record StoredFigure(OrganisationUsage usage, long bornAt, long expiresAt) {}

    /** Lease on a computation, or failure with its back-off. */
    private sealed interface Lock {
        long fence();

        long expiresAt();
    }

    private record Held(long fence, String token, long expiresAt) implements Lock {}

    private record Failed(long fence, String reason, long expiresAt) implements Lock {}

    /** Fences of a key; zero means none. */
    private record Fences(long issued, long published, long invalidated) {
        static final Fences NONE = new Fences(0, 0, 0);
    }

    /** Registered action, compared by identity: the same action may be registered twice. */
    private static final class Waiter {
        private final Runnable action;

        Waiter(Runnable action) {
            this.action = action;
        }
    }

    private final Map<UsageKey, StoredFigure> figures = new HashMap<>();
    private final Map<UsageKey, Lock> locks = new HashMap<>();
    private final Map<UsageKey, Fences> fences = new HashMap<>();
    private final Map<UsageKey, Set<Waiter>> waiters = new HashMap<>();
    private final LongSupplier ticker;
    /** Number of figures at which those that have expired are removed. */
    private int removeAt = FEWEST_TO_REMOVE;

    InMemoryStore(LongSupplier ticker) {
        this.ticker = ticker;
    }

    synchronized Optional<AgedUsage> get(UsageKey key) {
        long now = ticker.getAsLong();
        StoredFigure stored = figures.get(key);
        if (stored == null || stored.expiresAt() - now <= 0) {
            figures.remove(key);
            return Optional.empty();
        }
        OrganisationUsage usage = new OrganisationUsage(
                key,
                stored.usage().received(),
                stored.usage().sent(),
                stored.usage().createdAt(),
                stored.usage().unmeasured());
        return Optional.of(new AgedUsage(usage, Duration.ofNanos(now - stored.bornAt())));
    }

    synchronized void put(UsageKey key, AgedUsage figure, Duration timeToLive) {
        long now = ticker.getAsLong();
        if (figures.size() >= removeAt) {
            figures.values().removeIf(stored -> stored.expiresAt() - now <= 0);
            removeAt = Math.max(FEWEST_TO_REMOVE, 2 * figures.size());
        }
        figures.put(key, new StoredFigure(figure.usage(), now - figure.age().toNanos(), now + timeToLive.toNanos()));
    }

    /** Removes figures, and nothing of the loads in flight. */
    synchronized void clear() {
        figures.clear();
    }

    synchronized int heldFigures() {
        return figures.size();
    }

    synchronized Acquisition acquire(UsageKey key, LeaseRequest request) {
        Fences known = fences.getOrDefault(key, Fences.NONE);
        Optional<AgedUsage> figure = get(key).filter(stored -> meets(request, stored, known));
        if (figure.isPresent()) {
            return new Acquisition.Found(figure.orElseThrow());
        }
        long now = ticker.getAsLong();
        Lock lock = lock(key);
        if (lock instanceof Failed failed) {
            return new Acquisition.Failed(failed.fence(), failed.reason(), Duration.ofNanos(failed.expiresAt() - now));
        }
        if (lock instanceof Held held && !held.token().equals(request.token())) {
            return new Acquisition.Held(held.fence(), Duration.ofNanos(held.expiresAt() - now));
        }
        long fence = lock != null ? lock.fence() : known.issued() + 1;
        fences.put(key, new Fences(fence, known.published(), known.invalidated()));
        locks.put(key, new Held(fence, request.token(), now + request.lease().toNanos()));
        return new Acquisition.Acquired(fence);
    }

    private static boolean meets(LeaseRequest request, AgedUsage figure, Fences known) {
        OptionalLong awaited = request.awaitedFence();
        return figure.age().compareTo(request.acceptableAge()) < 0
                || (awaited.isPresent() && known.published() >= awaited.getAsLong());
    }

    synchronized boolean renew(UsageKey key, String token, Duration lease) {
        if (!(lock(key) instanceof Held held) || !held.token().equals(token)) {
            return false;
        }
        locks.put(key, new Held(held.fence(), token, ticker.getAsLong() + lease.toNanos()));
        return true;
    }

    Publication publish(UsageKey key, String token, long fence, AgedUsage figure, Duration timeToLive) {
        Publication publication = store(key, token, fence, figure, timeToLive);
        if (publication instanceof Publication.Stored) {
            wake(key);
        }
        return publication;
    }

    private synchronized Publication store(
            UsageKey key, String token, long fence, AgedUsage figure, Duration timeToLive) {
        Fences known = fences.getOrDefault(key, Fences.NONE);
        if (known.issued() == fence) {
            put(key, figure, timeToLive);
            fences.put(key, new Fences(fence, fence, known.invalidated()));
            locks.computeIfPresent(key, (k, lock) -> isHeldBy(lock, token) ? null : lock);
            return new Publication.Stored();
        }
        Optional<AgedUsage> newer = get(key).filter(
                        stored -> known.published() > fence || stored.age().compareTo(figure.age()) < 0);
        if (newer.isPresent()) {
            return new Publication.Superseded(newer.orElseThrow());
        }
        return known.issued() == 0 || known.invalidated() >= fence
                ? new Publication.Invalidated()
                : new Publication.LeaseLost(known.issued());
    }

    void release(UsageKey key, String token) {
        if (endLease(key, token, null)) {
            wake(key);
        }
    }

    void fail(UsageKey key, String token, String reason, Duration backOff) {
        String stored = reason.substring(0, Math.min(reason.length(), MAX_REASON_LENGTH));
        if (endLease(key, token, new Failed(0, stored, ticker.getAsLong() + backOff.toNanos()))) {
            wake(key);
        }
    }

    private synchronized boolean endLease(UsageKey key, String token, @Nullable Failed failure) {
        Lock lock = lock(key);
        if (lock == null || !isHeldBy(lock, token)) {
            return false;
        }
        if (failure == null) {
            locks.remove(key);
        } else {
            locks.put(key, new Failed(lock.fence(), failure.reason(), failure.expiresAt()));
        }
        return true;
    }

    void invalidate(Predicate<UsageKey> which) {
        remove(which).forEach(this::wake);
    }

    private synchronized Set<UsageKey> remove(Predicate<UsageKey> which) {
        Set<UsageKey> keys = new LinkedHashSet<>(figures.keySet());
        keys.addAll(locks.keySet());
        keys.addAll(fences.keySet());
        keys.addAll(waiters.keySet());
        keys.removeIf(which.negate());
        for (UsageKey key : keys) {
            figures.remove(key);
            locks.remove(key);
            fences.computeIfPresent(key, (k, known) -> new Fences(known.issued() + 1, 0, known.issued() + 1));
        }
        return keys;
    }

    synchronized Registration onWakeUp(UsageKey key, Runnable action) {
        Waiter waiter = new Waiter(action);
        waiters.computeIfAbsent(key, k -> new LinkedHashSet<>()).add(waiter);
        return () -> remove(key, waiter);
    }

    private synchronized void remove(UsageKey key, Waiter waiter) {
        waiters.computeIfPresent(key, (k, all) -> {
            all.remove(waiter);
            return all.isEmpty() ? null : all;
        });
    }

    /** Runs the actions outside the atomic step: they may call the store. */
    private void wake(UsageKey key) {
        waitersFor(key).forEach(waiter -> waiter.action.run());
    }

    private synchronized List<Waiter> waitersFor(UsageKey key) {
        return List.copyOf(waiters.getOrDefault(key, Set.of()));
    }

    private @Nullable Lock lock(UsageKey key) {
        Lock lock = locks.get(key);
        if (lock != null && lock.expiresAt() - ticker.getAsLong() <= 0) {
            locks.remove(key);
            return null;
        }
        return lock;
    }

    private static boolean isHeldBy(Lock lock, String token) {
        return lock instanceof Held held && held.token().equals(token);
    }
}
