package io.usagekit.redis.internal;

import io.lettuce.core.AbstractRedisClient;
import io.usagekit.UsageException;
import java.lang.ref.WeakReference;
import java.util.HashMap;
import java.util.Map;
import java.util.WeakHashMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Logs an outage once when it begins and once when it ends, however many calls fail in between; once more if an error that no retry
 * cures follows others. Logs of the same {@link Incident} log it once for all of them.
 */
public final class OutageLog {

    private static final Logger LOG = LoggerFactory.getLogger("io.usagekit.redis.RedisUsage");

    /**
     * What several logs have in common: the connections of one client to a server fail together. The first one that begins logs the
     * beginning, the first one that ends logs the end; one that is closed leaves the end to the others.
     */
    public static final class Incident {

        /** By client and beginning; of incidents whose logs aren't referenced any more nothing is left: addresses of nodes may change for ever. */
        private static final Map<AbstractRedisClient, Map<String, WeakReference<Incident>>> OF_CLIENTS =
                new WeakHashMap<>();

        private final AtomicBoolean open = new AtomicBoolean();
        private final AtomicBoolean permanent = new AtomicBoolean();
        /** Number of logs whose outage lasts. */
        private final AtomicInteger lasting = new AtomicInteger();

        /** Beginning that is logged once its reason is known. */
        private final AtomicReference<@Nullable Beginning> unlogged = new AtomicReference<>();

        /** Returns the one that all connections of this client share, of the outages with this beginning. */
        private static Incident of(AbstractRedisClient client, String beginning) {
            synchronized (OF_CLIENTS) {
                Map<String, WeakReference<Incident>> known =
                        OF_CLIENTS.computeIfAbsent(client, same -> new HashMap<>());
                known.values().removeIf(incident -> incident.refersTo(null));
                WeakReference<Incident> shared = known.get(beginning);
                Incident incident = shared == null ? null : shared.get();
                if (incident == null) {
                    incident = new Incident();
                    known.put(beginning, new WeakReference<>(incident));
                }
                return incident;
            }
        }

        /** Returns the number of incidents that connections of this client have or had, and that are still known. */
        static int count(AbstractRedisClient client) {
            synchronized (OF_CLIENTS) {
                return OF_CLIENTS.getOrDefault(client, Map.of()).size();
            }
        }

        private boolean begin(Beginning known) {
            lasting.incrementAndGet();
            boolean begins = open.compareAndSet(false, true);
            if (begins) {
                permanent.set(false);
                unlogged.set(known);
            }
            return begins;
        }

        /** Whether an error that no retry cures is to be logged: the first one of an incident whose beginning is logged. */
        private boolean worsens() {
            return open.get() && unlogged.get() == null && permanent.compareAndSet(false, true);
        }
    }

    /** Number of beginnings and ends so far: odd during an outage. */
    private final AtomicLong changes = new AtomicLong();

    private final String beginning;
    private final String end;
    private final Incident incident;

    /** Beginning of an outage, with what is known of its reason so far. */
    private record Beginning(String reason, @Nullable Throwable error) {}

    /**
     * Creates a log without an outage, with an incident of its own.
     *
     * @param beginning what to log when an outage begins, before its reason
     * @param end what to log when an outage ends
     */
    public OutageLog(String beginning, String end) {
        this(beginning, end, new Incident());
    }

    /** Creates a log as {@link #OutageLog(String, String)} does, with an incident that the logs of this client share. */
    public OutageLog(AbstractRedisClient client, String beginning, String end) {
        this(beginning, end, Incident.of(client, beginning));
    }

    /** Creates a log as {@link #OutageLog(String, String)} does, with an incident that other logs share. */
    public OutageLog(String beginning, String end, Incident incident) {
        this.beginning = beginning;
        this.end = end;
        this.incident = incident;
    }

    /** Returns the state to hand to {@link #begin}; to be read before the call whose failure may begin an outage. */
    public long state() {
        return changes.get();
    }

    /**
     * Begins an outage, unless one lasts or one has begun or ended since that state: the result of an older call says nothing
     * about the present.
     *
     * @return whether this call has begun it
     */
    public boolean begin(long since, String reason) {
        return begin(since, new Beginning(reason, null), CompletableFuture.completedFuture(null));
    }

    /** Begins an outage as {@link #begin(long, String)} does; the log has the error's message, and its stack. */
    public boolean begin(long since, UsageException error) {
        return begin(since, error, CompletableFuture.completedFuture(null));
    }

    /**
     * Begins an outage as {@link #begin(long, String)} does.
     *
     * @param error what a caller receives
     * @param rootCause completes with an error that says more, or normally if there is none; the line is logged then, or at the
     *     end of the outage
     */
    public boolean begin(long since, UsageException error, CompletableFuture<?> rootCause) {
        return begin(since, new Beginning(String.valueOf(error.getMessage()), error), rootCause);
    }

    private boolean begin(long since, Beginning known, CompletableFuture<?> rootCause) {
        if (since % 2 == 0 && changes.compareAndSet(since, since + 1)) {
            if (incident.begin(known)) {
                var unused = rootCause.whenComplete((none, error) -> logBeginning(
                        error != null && RedisErrors.unwrap(error) instanceof UsageException better
                                ? new Beginning(String.valueOf(better.getMessage()), better)
                                : known));
            }
            return true;
        }
        if (isOngoing() && isPermanent(known.error()) && incident.worsens()) {
            log(known);
        }
        return false;
    }

    private void logBeginning(Beginning line) {
        if (incident.unlogged.getAndSet(null) != null) {
            log(line);
        }
    }

    private void log(Beginning line) {
        Throwable error = line.error();
        if (isPermanent(error)) {
            incident.permanent.set(true);
            LOG.warn("{}; no retry will cure this, correct the settings: {}", beginning, line.reason(), error);
        } else if (error == null) {
            LOG.warn("{}: {}", beginning, line.reason());
        } else {
            LOG.warn("{}: {}", beginning, line.reason(), error);
        }
    }

    private static boolean isPermanent(@Nullable Throwable error) {
        return error instanceof UsageException known && !known.isTransient();
    }

    /** Whether an outage lasts. */
    public boolean isOngoing() {
        return changes.get() % 2 == 1;
    }

    /**
     * Ends the outage, if there is one.
     *
     * @return whether this call has ended it
     */
    public boolean end() {
        return end(changes.get());
    }

    /** Ends the outage as {@link #end()} does, if it is the one of that {@link #state}. */
    public boolean end(long since) {
        return end(since, end);
    }

    private boolean end(long since, String message) {
        if (!isEndOf(since)) {
            return false;
        }
        incident.lasting.decrementAndGet();
        logEnd(message);
        return true;
    }

    private boolean isEndOf(long since) {
        return since % 2 == 1 && changes.compareAndSet(since, since + 1);
    }

    private void logEnd(String message) {
        if (incident.open.compareAndSet(true, false)) {
            Beginning line = incident.unlogged.getAndSet(null);
            if (line != null) {
                log(line);
            }
            LOG.info(message);
        }
    }

    /** Ends the outage, if there is one, for another reason than that calls succeed, which is logged unless it lasts for others. */
    public void leave(String reason) {
        if (isEndOf(changes.get()) && incident.lasting.decrementAndGet() <= 0) {
            logEnd(reason);
        }
    }

    /** Forgoes the end of an outage, so that another one of the same incident is logged again unless this one lasts for others. */
    public void close() {
        if (isEndOf(changes.get()) && incident.lasting.decrementAndGet() <= 0) {
            incident.unlogged.set(null);
            incident.open.set(false);
        }
    }
}
