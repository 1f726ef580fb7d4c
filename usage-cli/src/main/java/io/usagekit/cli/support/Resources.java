package io.usagekit.cli.support;

import java.io.PrintWriter;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Opened resources, closed once in reverse order: at the end, or when the JVM is stopped, whichever comes first.
 * Thread-safe.
 */
public final class Resources implements AutoCloseable {

    private final Deque<AutoCloseable> open = new ArrayDeque<>();
    private final Thread hook = new Thread(this::closeAll, "usage-shutdown");
    private final PrintWriter err;
    private volatile boolean stopping;

    private Resources(PrintWriter err) {
        this.err = err;
    }

    /** Nothing is open yet. */
    public static Resources untilShutdown(PrintWriter err) {
        Resources resources = new Resources(err);
        Runtime.getRuntime().addShutdownHook(resources.hook);
        return resources;
    }

    /** Takes it over. */
    public synchronized <T> T add(T resource, AutoCloseable close) {
        open.push(close);
        if (stopping) {
            closeAll();
            throw new IllegalStateException("stopping");
        }
        return resource;
    }

    /** Whether the resources are closed or being closed, so that failures of their users need no report. */
    public boolean isStopping() {
        return stopping;
    }

    private void closeAll() {
        stopping = true;
        synchronized (this) {
            while (!open.isEmpty()) {
                try {
                    open.pop().close();
                } catch (Exception e) {
                    err.println("usage: can't be closed: " + Failures.describe(e));
                }
            }
        }
    }

    @Override
    public void close() {
        boolean alreadyStopping = stopping;
        closeAll();
        if (!alreadyStopping) {
            try {
                Runtime.getRuntime().removeShutdownHook(hook);
            } catch (IllegalStateException e) {
                return; // the JVM is being stopped just now: the hook finds nothing to do
            }
        }
    }
}
