package io.usagekit.redis;

import io.usagekit.UsageException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Logs an outage once when it begins and once when it ends, however many calls fail in between; once more if an error that no retry
 * cures follows others.
 */
final class OutageLog {

    private static final Logger LOG = LoggerFactory.getLogger(RedisUsage.class);

    /** Number of beginnings and ends so far: odd during an outage. */
    private final AtomicLong changes = new AtomicLong();
    /** Line of a beginning whose reason isn't known yet. */
    private final AtomicReference<@Nullable Beginning> unlogged = new AtomicReference<>();

    private final String beginning;
    private final String end;
    private volatile boolean permanent;

    /** Beginning of an outage, with what is known of its reason so far. */
    private record Beginning(String reason, @Nullable Throwable error) {}

    /**
     * Creates a log without an outage.
     *
     * @param beginning what to log when an outage begins, before its reason
     * @param end what to log when an outage ends
     */
    OutageLog(String beginning, String end) {
        this.beginning = beginning;
        this.end = end;
    }

    /** Returns the state to hand to {@link #begin}; to be read before the call whose failure may begin an outage. */
    long state() {
        return changes.get();
    }

    /**
     * Begins an outage, unless one lasts or one has begun or ended since that state: the result of an older call says nothing
     * about the present.
     *
     * @return whether this call has begun it
     */
    boolean begin(long since, String reason) {
        return begin(since, new Beginning(reason, null), CompletableFuture.completedFuture(null));
    }

    /** Begins an outage as {@link #begin(long, String)} does; the log has the error's message, and its stack. */
    boolean begin(long since, UsageException error) {
        return begin(since, error, CompletableFuture.completedFuture(null));
    }

    /**
     * Begins an outage as {@link #begin(long, String)} does.
     *
     * @param error what a caller receives
     * @param rootCause completes with an error that says more, or normally if there is none; the line is logged then, or at the
     *     end of the outage
     */
    boolean begin(long since, UsageException error, CompletableFuture<?> rootCause) {
        return begin(since, new Beginning(String.valueOf(error.getMessage()), error), rootCause);
    }

    private boolean begin(long since, Beginning known, CompletableFuture<?> rootCause) {
        if (since % 2 == 0 && changes.compareAndSet(since, since + 1)) {
            permanent = false;
            unlogged.set(known);
            var unused = rootCause.whenComplete((none, error) -> logBeginning(
                    error != null && unwrap(error) instanceof UsageException better
                            ? new Beginning(String.valueOf(better.getMessage()), better)
                            : known));
            return true;
        }
        if (isOngoing() && !permanent && isPermanent(known.error()) && unlogged.get() == null) {
            log(known);
        }
        return false;
    }

    private static Throwable unwrap(Throwable error) {
        return error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
    }

    private void logBeginning(Beginning line) {
        if (unlogged.getAndSet(null) != null) {
            log(line);
        }
    }

    private void log(Beginning line) {
        Throwable error = line.error();
        if (isPermanent(error)) {
            permanent = true;
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
    boolean isOngoing() {
        return changes.get() % 2 == 1;
    }

    /**
     * Ends the outage, if there is one.
     *
     * @return whether this call has ended it
     */
    boolean end() {
        long now = changes.get();
        if (now % 2 == 1 && changes.compareAndSet(now, now + 1)) {
            Beginning line = unlogged.getAndSet(null);
            if (line != null) {
                log(line);
            }
            LOG.info(end);
            return true;
        }
        return false;
    }
}
