package io.usagekit.spring;

import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.Delayed;
import java.util.concurrent.FutureTask;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.springframework.scheduling.TaskScheduler;
import org.springframework.scheduling.Trigger;

/** A host's scheduler that keeps what it is given and runs nothing: a test runs a task by itself. */
final class RecordingScheduler implements TaskScheduler {

    private final List<Scheduled> tasks = new CopyOnWriteArrayList<>();
    private final Runnable beforeEach;

    RecordingScheduler() {
        this(() -> {});
    }

    /** With an action that runs whenever a task is scheduled. */
    RecordingScheduler(Runnable beforeEach) {
        this.beforeEach = beforeEach;
    }

    /** A task, the trigger or delay that it was scheduled with, and its schedule. */
    static final class Scheduled extends FutureTask<Void> implements ScheduledFuture<Void> {
        private final Runnable task;
        private final Object when;

        private Scheduled(Runnable task, Object when) {
            super(task, null);
            this.task = task;
            this.when = when;
        }

        /** Runs the task once more, on this thread. */
        void fire() {
            task.run();
        }

        /** A {@link Trigger}, or the {@link Duration} between two runs. */
        Object when() {
            return when;
        }

        @Override
        public long getDelay(TimeUnit unit) {
            throw new UnsupportedOperationException();
        }

        @Override
        public int compareTo(Delayed other) {
            throw new UnsupportedOperationException();
        }
    }

    /** What was scheduled, in this order. */
    List<Scheduled> tasks() {
        return tasks;
    }

    private Scheduled keep(Runnable task, Object when) {
        beforeEach.run();
        Scheduled scheduled = new Scheduled(task, when);
        tasks.add(scheduled);
        return scheduled;
    }

    @Override
    public ScheduledFuture<?> schedule(Runnable task, Trigger trigger) {
        return keep(task, trigger);
    }

    @Override
    public ScheduledFuture<?> scheduleWithFixedDelay(Runnable task, Duration delay) {
        return keep(task, delay);
    }

    @Override
    public ScheduledFuture<?> schedule(Runnable task, Instant startTime) {
        throw new UnsupportedOperationException();
    }

    @Override
    public ScheduledFuture<?> scheduleAtFixedRate(Runnable task, Instant startTime, Duration period) {
        throw new UnsupportedOperationException();
    }

    @Override
    public ScheduledFuture<?> scheduleAtFixedRate(Runnable task, Duration period) {
        throw new UnsupportedOperationException();
    }

    @Override
    public ScheduledFuture<?> scheduleWithFixedDelay(Runnable task, Instant startTime, Duration delay) {
        throw new UnsupportedOperationException();
    }
}
