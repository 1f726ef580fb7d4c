package io.usagekit.internal.flight;

import io.usagekit.FlightStore;
import io.usagekit.SingleFlight;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Single-flight by one atomic {@code putIfAbsent}; the load itself runs outside the map. With a store, the flight that wins
 * here then competes with those of other processes: see {@link FleetFlight}.
 */
public final class Flights implements SingleFlight {

    private static final Duration CLOSING = Duration.ofSeconds(1);

    /** Those that can be joined. */
    private final ConcurrentHashMap<UsageKey, Flight> underWay = new ConcurrentHashMap<>();
    /** All that are in the air or still keep a figure, also those that were invalidated and can't be joined any more. */
    private final Set<Flight> notOver = ConcurrentHashMap.newKeySet();

    private final Function<Flight.Start, Flight> course;
    private final @Nullable FlightStore store;
    private final Delays delays;
    private volatile boolean closed;

    /** Among the threads of this process. */
    public Flights(Delays delays) {
        this.course = LocalFlight::new;
        this.store = null;
        this.delays = delays;
    }

    /** Among processes. */
    public Flights(FlightStore store, Duration lease, Duration pollInterval, Delays delays) {
        this.course = start -> new FleetFlight(start, store, lease, pollInterval);
        this.store = store;
        this.delays = delays;
    }

    @Override
    public CompletionStage<Landing> run(UsageKey key, Load load) {
        Flight flight = course.apply(new Flight.Start(key, load, delays, this::free, notOver::remove));
        Flight first = underWay.putIfAbsent(key, flight);
        if (first != null) {
            return first.join();
        }
        notOver.add(flight);
        if (closed) {
            flight.fail(closed(key));
        } else {
            flight.takeOff();
        }
        return flight.join();
    }

    private void free(Flight flight) {
        underWay.remove(flight.key(), flight);
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

    /** The keys are free at once; what is being kept at this moment is waited for, so that it can be forgotten after that. */
    private CompletableFuture<Void> invalidateHere(Predicate<UsageKey> which) {
        List<Flight> flights =
                notOver.stream().filter(flight -> which.test(flight.key())).toList();
        flights.forEach(this::free);
        return CompletableFuture.allOf(flights.stream().map(Flight::invalidate).toArray(CompletableFuture<?>[]::new));
    }

    @Override
    public void close() {
        closed = true;
        List<Flight> left = List.copyOf(notOver);
        left.forEach(flight -> flight.fail(closed(flight.key())));
        CompletableFuture<?>[] endings = left.stream().map(Flight::ended).toArray(CompletableFuture<?>[]::new);
        var unused = CompletableFuture.allOf(endings)
                .completeOnTimeout(null, CLOSING.toMillis(), TimeUnit.MILLISECONDS)
                .join();
        if (store != null) {
            store.close();
        }
    }
}
