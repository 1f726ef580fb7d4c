package io.usagekit.spring;

import org.springframework.context.SmartLifecycle;

/**
 * Starts what runs in the background when all beans are ready, and closes it first of all: a scheduler of the host's, which stops in the same
 * phase, waits for the end of its tasks.
 */
final class BackgroundLifecycle implements SmartLifecycle {

    private final Runnable starting;
    private final Runnable stopping;
    private boolean running;

    BackgroundLifecycle(Runnable starting, Runnable stopping) {
        this.starting = starting;
        this.stopping = stopping;
    }

    @Override
    public synchronized void start() {
        starting.run();
        running = true;
    }

    @Override
    public synchronized void stop() {
        running = false;
        stopping.run();
    }

    @Override
    public synchronized boolean isRunning() {
        return running;
    }

    @Override
    public int getPhase() {
        return DEFAULT_PHASE;
    }

    /** Keeps tests' contexts of Spring Framework 7 from pausing it, which can't be started again. */
    public boolean isPauseable() {
        return false;
    }
}
