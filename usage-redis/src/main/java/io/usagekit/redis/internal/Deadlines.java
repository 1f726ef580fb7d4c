package io.usagekit.redis.internal;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Deadlines of futures that all have the same time to complete: the first one added is the first one due, so that one timer serves all of them.
 * To set a timer and to cancel it wakes the timer's thread twice, which took a fourth of the time of a hit in Redis. Never blocks; thread-safe.
 */
final class Deadlines {

    /** No timer is set. {@link System#nanoTime()} may return it as well: then one timer too many is set. */
    private static final long NONE = Long.MIN_VALUE;

    /**
     * A timer that is as late as this is replaced: its thread may be blocked, and the next timer is set on another thread of the executor.
     * Only {@link #add} replaces it: while no future is added, those that are overdue complete when the thread isn't blocked any more.
     */
    private static final long LATE = TimeUnit.SECONDS.toNanos(1);

    private static final class Deadline {
        private final CompletableFuture<?> future;
        private final long due;

        Deadline(CompletableFuture<?> future, long due) {
            this.future = future;
            this.due = due;
        }
    }

    private final ConcurrentLinkedQueue<Deadline> deadlines = new ConcurrentLinkedQueue<>();
    /** When the timer is due. */
    private final AtomicLong timer = new AtomicLong(NONE);

    private final Timeouts timeouts;
    private final Duration time;

    Deadlines(Timeouts timeouts, Duration time) {
        this.timeouts = timeouts;
        this.time = time;
    }

    /** Fails a future with {@link TimeoutException} unless it completes in time; at once if the executor is shut down. */
    void add(CompletableFuture<?> future) {
        if (future.isDone()) {
            return;
        }
        long now = System.nanoTime();
        deadlines.add(new Deadline(future, now + time.toNanos()));
        long set = timer.get();
        if (timeouts.timers().isShutdown()) {
            failAll(); // a timer that is set doesn't go off any more
        } else if (set == NONE) {
            replaceTimer(set, now, time.toNanos());
        } else if (now - set > LATE) {
            replaceTimer(set, now, 0);
        }
    }

    /** Removes futures that have completed, up to the first one that hasn't. To be called after one has. */
    void removeCompleted() {
        Deadline first = deadlines.peek();
        while (first != null && first.future.isDone()) {
            deadlines.remove(first);
            first = deadlines.peek();
        }
    }

    /** Returns the number of futures that it holds. */
    int size() {
        return deadlines.size();
    }

    private void replaceTimer(long set, long now, long wait) {
        if (timer.compareAndSet(set, now + wait)) {
            setTimer(now + wait, wait);
        }
    }

    private void setTimer(long due, long wait) {
        try {
            var unused = timeouts.timers().schedule(() -> expire(due), wait, TimeUnit.NANOSECONDS);
        } catch (RejectedExecutionException e) {
            timer.set(NONE);
            failAll();
        }
    }

    private void failAll() {
        Deadline first = deadlines.poll();
        while (first != null) {
            fail(first);
            first = deadlines.poll();
        }
    }

    /**
     * Fails what is due, and sets the next timer, unless this one was replaced.
     *
     * @param own when this timer was due
     */
    private void expire(long own) {
        long now = System.nanoTime();
        Deadline first = deadlines.peek();
        while (first != null && (first.future.isDone() || first.due - now <= 0)) {
            if (deadlines.remove(first) && !first.future.isDone()) {
                failElsewhere(first);
            }
            first = deadlines.peek();
        }
        if (!timer.compareAndSet(own, first == null ? NONE : first.due)) {
            return;
        }
        if (first == null) {
            first = deadlines.peek(); // added while this timer was still set
            if (first == null || !timer.compareAndSet(NONE, first.due)) {
                return;
            }
        }
        setTimer(first.due, first.due - now);
    }

    /** On any thread of the executor: what a host has attached to the future may block. */
    private void failElsewhere(Deadline deadline) {
        try {
            timeouts.timers().execute(() -> fail(deadline));
        } catch (RejectedExecutionException e) {
            fail(deadline);
        }
    }

    private void fail(Deadline deadline) {
        deadline.future.completeExceptionally(new TimeoutException("not completed within " + time));
    }
}
