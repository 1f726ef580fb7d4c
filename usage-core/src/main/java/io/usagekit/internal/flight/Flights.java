package io.usagekit.internal.flight;

import io.usagekit.FlightStore;
import io.usagekit.LoadOutcome;
import io.usagekit.SingleFlight;
import io.usagekit.UsageCache;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Single-flight by one atomic {@code putIfAbsent}; the load itself runs outside the map. With a store, the leader of this
 * process then competes with those of other processes: see {@link FleetFlight}.
 */
public final class Flights implements SingleFlight {

    private static final long CLOSE_TIMEOUT_MILLIS = 1_000;

    /** The flights that can be joined. */
    private final ConcurrentHashMap<UsageKey, Flight> inFlight = new ConcurrentHashMap<>();
    /** All flights that haven't completed or still store a figure, including invalidated ones that can't be joined any more. */
    private final Set<Flight> unfinished = ConcurrentHashMap.newKeySet();

    private final Function<Flight.Start, Flight> newFlight;
    private final @Nullable FlightStore store;
    /** Timers that nobody else has, and that are closed with this; null: there are none. */
    private final @Nullable Timers own;

    private volatile Delays delays;
    private volatile boolean closed;

    private Flights(Function<Flight.Start, Flight> newFlight, @Nullable FlightStore store, @Nullable Delays given) {
        Timers timers = given == null ? new Timers() : null;
        this.newFlight = newFlight;
        this.store = store;
        this.own = timers;
        this.delays = timers == null ? Objects.requireNonNull(given) : timers;
    }

    /**
     * Among the threads of this process.
     *
     * @param delays null: timers of its own, until a service {@linkplain #use lends} its timers
     */
    public Flights(@Nullable Delays delays) {
        this(LocalFlight::new, null, delays);
    }

    /**
     * Among processes.
     *
     * @param delays null: timers of its own, until a service {@linkplain #use lends} its timers
     */
    public Flights(FlightStore store, Intervals intervals, @Nullable Delays delays) {
        this(start -> new FleetFlight(start, store, intervals), store, delays);
    }

    /** Uses a service's timers from now on in place of its own; without effect on one that was created with others. */
    public void use(Delays services) {
        if (own != null) {
            delays = services;
        }
    }

    @Override
    public CompletionStage<LoadOutcome> run(UsageKey key, Load load) {
        FlightTask task = FlightTask.of(load);
        Flight flight = newFlight.apply(new Flight.Start(key, task, delays, this::freeKey, unfinished::remove));
        Flight first = inFlight.putIfAbsent(key, flight);
        if (first != null) {
            task.joined();
            return first.join();
        }
        unfinished.add(flight);
        if (closed) {
            flight.fail(closed(key));
        } else {
            flight.start();
        }
        return flight.join();
    }

    private void freeKey(Flight flight) {
        inFlight.remove(flight.key(), flight);
    }

    private static UsageCalculationException closed(UsageKey key) {
        return new UsageCalculationException("closed before the usage of " + key + " was computed", null);
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        CompletableFuture<Void> here = invalidateHere(key::equals);
        FlightStore shared = store;
        return shared == null ? here : here.thenCompose(done -> shared.invalidate(key));
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        CompletableFuture<Void> here =
                invalidateHere(key -> key.organisationId().equals(organisationId));
        FlightStore shared = store;
        return shared == null ? here : here.thenCompose(done -> shared.invalidate(organisationId));
    }

    /** Does as {@link #invalidate(UsageKey)}, but leaves to this cache, which is invalidated next, what it does as well. */
    public CompletionStage<Void> invalidateBefore(UsageCache cache, UsageKey key) {
        return isInvalidatedBy(cache) ? invalidateHere(key::equals) : invalidate(key);
    }

    /** Does as {@link #invalidateBefore(UsageCache, UsageKey)} for all of an organisation's loads. */
    public CompletionStage<Void> invalidateBefore(UsageCache cache, String organisationId) {
        return isInvalidatedBy(cache)
                ? invalidateHere(key -> key.organisationId().equals(organisationId))
                : invalidate(organisationId);
    }

    private boolean isInvalidatedBy(UsageCache cache) {
        return store != null && store.isInvalidatedBy(cache);
    }

    /** Frees the keys at once, and waits for the stores under way, so that what they store can be removed afterwards. */
    private CompletableFuture<Void> invalidateHere(Predicate<UsageKey> which) {
        List<Flight> flights =
                unfinished.stream().filter(flight -> which.test(flight.key())).toList();
        flights.forEach(this::freeKey);
        return CompletableFuture.allOf(flights.stream().map(Flight::invalidate).toArray(CompletableFuture<?>[]::new));
    }

    @Override
    public void close() {
        closed = true;
        List<Flight> remaining = List.copyOf(unfinished);
        remaining.forEach(flight -> flight.fail(closed(flight.key())));
        CompletableFuture<?>[] cleanUps =
                remaining.stream().map(Flight::cleanedUp).toArray(CompletableFuture<?>[]::new);
        await(CompletableFuture.allOf(cleanUps));
        if (store != null) {
            store.close();
        }
        if (own != null) {
            own.close();
        }
    }

    /** Waits a while, on the calling thread: what isn't released by then expires. */
    private static void await(CompletableFuture<Void> cleanUps) {
        try {
            var unused = cleanUps.get(CLOSE_TIMEOUT_MILLIS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (ExecutionException | TimeoutException e) {
            // A store that can't be reached keeps nobody from closing.
        }
    }
}
