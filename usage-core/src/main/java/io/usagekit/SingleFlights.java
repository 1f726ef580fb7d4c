package io.usagekit;

import io.usagekit.internal.Arguments;
import io.usagekit.internal.flight.Flights;
import io.usagekit.internal.flight.Intervals;
import java.time.Duration;

/**
 * Factory methods for the {@link SingleFlight} implementations of this library.
 *
 * @since 0.1
 */
public final class SingleFlights {

    /** Default length of a lease, which is renewed at every third of it, and at every heartbeat: 5 s. */
    public static final Duration DEFAULT_LEASE = Duration.ofSeconds(5);

    /** Default interval at which a waiting load polls in case its wake-up is lost: 100 ms, jittered by a half up and down. */
    public static final Duration DEFAULT_POLL_INTERVAL = Duration.ofMillis(100);

    /** Default interval at which the holder of a lease makes sure that it still holds it: 1 s. */
    public static final Duration DEFAULT_HEARTBEAT = Duration.ofSeconds(1);

    private SingleFlights() {}

    /**
     * Creates a single-flight among the threads of this process, without locks. Its deadlines run on the thread of the service that it is
     * passed to, and of one that isn't passed to a service on a daemon thread of its own.
     */
    public static SingleFlight inProcess() {
        return new Flights(null);
    }

    /** Creates a single-flight across all processes that share a store, with the default lease and intervals. */
    public static SingleFlight fleetWide(FlightStore store) {
        return fleetWide(store, DEFAULT_LEASE, DEFAULT_POLL_INTERVAL);
    }

    /** Creates a single-flight across all processes that share a store, with the default heartbeat. */
    public static SingleFlight fleetWide(FlightStore store, Duration lease, Duration pollInterval) {
        return fleetWide(store, lease, pollInterval, DEFAULT_HEARTBEAT);
    }

    /**
     * Creates a single-flight across all processes that share a store. Among the threads of this process it behaves as
     * {@link #inProcess()}. Each leader of this process then reads the figure or acquires the lease on computing it: it
     * computes and publishes under its fence, or waits for the process that holds the lease. It publishes to the store and
     * doesn't call {@link SingleFlight.Load#store}. A leader that dies costs the other processes the rest of its lease; one
     * that was paused for longer than its lease stores nothing, and returns nothing older than what is stored. While the store
     * can't be reached, each process computes for itself. Its timers run where those of {@link #inProcess()} do.
     *
     * <p>When another process invalidates a figure that this one computes, a wake-up of the store says so at once, and the next caller here
     * starts a new load. Where the wake-up is lost, callers still join the invalidated load until the next renewal of its lease:
     * for a heartbeat and the store's own bound.
     *
     * @param store closed with the returned single-flight
     * @param lease how long a lease lasts unless it is renewed, which happens at every third of it; 100 ms to 1 min
     * @param pollInterval how often a waiting load polls; jittered by a half up and down; 1 ms to {@code lease}
     * @param heartbeat how often the lease is renewed at least; 1 ms to 1 min
     * @throws IllegalArgumentException if {@code lease}, {@code pollInterval} or {@code heartbeat} is out of bounds
     */
    public static SingleFlight fleetWide(FlightStore store, Duration lease, Duration pollInterval, Duration heartbeat) {
        Arguments.between("lease", lease, Duration.ofMillis(100), Duration.ofMinutes(1));
        Arguments.between("pollInterval", pollInterval, Duration.ofMillis(1), lease);
        Arguments.between("heartbeat", heartbeat, Duration.ofMillis(1), Duration.ofMinutes(1));
        return new Flights(store, new Intervals(lease, pollInterval, heartbeat), null);
    }
}
