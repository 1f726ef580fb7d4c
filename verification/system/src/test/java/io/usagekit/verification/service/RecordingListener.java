package io.usagekit.verification.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.Freshness;
import io.usagekit.LoadOutcome;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/** Records the events of a service, and lets a test wait for its loads. The events of single loads are counted, not recorded. */
final class RecordingListener implements UsageListener {

    /** One event; the detail is an age, a duration, an error, or the empty string. */
    record Event(String name, UsageKey key, Object detail) {}

    /** The key of events of no figure in particular. */
    static final UsageKey NO_KEY = new UsageKey("-", ServiceFixture.MARCH);

    private final List<Event> events = new ArrayList<>();
    private final AtomicReference<Runnable> beforeNextLoad = new AtomicReference<>(() -> {});
    private int loadsInFlight;

    /** The names of all events so far, in their order. */
    synchronized List<String> names() {
        return events.stream().map(Event::name).toList();
    }

    synchronized List<Event> events() {
        return List.copyOf(events);
    }

    /** The details of all events of this name. */
    synchronized List<Object> details(String name) {
        return events.stream()
                .filter(event -> event.name().equals(name))
                .map(Event::detail)
                .toList();
    }

    int count(String name) {
        return details(name).size();
    }

    /** Waits until this event has come so many times. */
    synchronized void await(String name, int times) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (count(name) < times && System.nanoTime() < deadline) {
            wait(1_000);
        }
        assertThat(count(name)).as("how often %s came, of %s", name, events).isGreaterThanOrEqualTo(times);
    }

    /** Sets what the next caller does, on its own thread, before it starts or joins a load. */
    void beforeNextLoad(Runnable action) {
        beforeNextLoad.set(action);
    }

    /** Waits until each load requested so far has completed or failed, refreshes included. */
    synchronized void awaitLoads() {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        try {
            while (loadsInFlight > 0 && System.nanoTime() < deadline) {
                wait(1_000);
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException("interrupted while waiting for loads", e);
        }
        assertThat(loadsInFlight).as("loads in flight").isZero();
    }

    @Override
    public void loadRequested(UsageKey key) {
        synchronized (this) {
            loadsInFlight++;
        }
        beforeNextLoad.getAndSet(() -> {}).run();
    }

    @Override
    public void loadCompleted(UsageKey key, LoadOutcome.Origin origin) {
        loadEnded();
    }

    @Override
    public void loadFailed(UsageKey key, Throwable error) {
        loadEnded();
    }

    private synchronized void loadEnded() {
        loadsInFlight--;
        notifyAll();
    }

    synchronized void clear() {
        events.clear();
    }

    private synchronized void add(String name, UsageKey key, Object detail) {
        events.add(new Event(name, key, detail));
        notifyAll();
    }

    @Override
    public void hit(UsageKey key, UsageListener.Tier tier, Duration age) {
        add("hit", key, age);
    }

    @Override
    public void miss(UsageKey key) {
        add("miss", key, "");
    }

    @Override
    public void staleServed(UsageKey key, Freshness freshness, Duration age) {
        add("staleServed", key, age);
    }

    @Override
    public void pendingServed(UsageKey key) {
        add("pendingServed", key, "");
    }

    @Override
    public void coalesced(UsageKey key) {
        add("coalesced", key, "");
    }

    @Override
    public void remoteLoadAwaited(UsageKey key) {
        add("remoteLoadAwaited", key, "");
    }

    @Override
    public void refreshStarted(UsageKey key) {
        add("refreshStarted", key, "");
    }

    @Override
    public void refreshDropped(UsageKey key) {
        add("refreshDropped", key, "");
    }

    @Override
    public void refreshFailed(UsageKey key, Throwable error) {
        add("refreshFailed", key, error);
    }

    @Override
    public void permitWaited(UsageKey key, Duration waited) {
        add("permitWaited", key, waited);
    }

    @Override
    public void overloaded(UsageKey key) {
        add("overloaded", key, "");
    }

    @Override
    public void computed(UsageKey key, Duration took) {
        add("computed", key, took);
    }

    @Override
    public void unmeasured(UsageKey key, long rows) {
        add("unmeasured", key, rows);
    }

    @Override
    public void computationFailed(UsageKey key, Throwable error) {
        add("computationFailed", key, error);
    }

    @Override
    public void publicationRejected(UsageKey key) {
        add("publicationRejected", key, "");
    }

    @Override
    public void cacheReadFailed(UsageKey key, Throwable error) {
        add("cacheReadFailed", key, error);
    }

    @Override
    public void cacheWriteFailed(UsageKey key, Throwable error) {
        add("cacheWriteFailed", key, error);
    }

    @Override
    public void coordinationFailed(UsageKey key, Throwable error) {
        add("coordinationFailed", key, error);
    }

    @Override
    public void entryUnreadable(UsageKey key) {
        add("entryUnreadable", key, "");
    }

    @Override
    public void trackingLost(String reason) {
        add("trackingLost", NO_KEY, reason);
    }

    @Override
    public void trackingRestored() {
        add("trackingRestored", NO_KEY, "");
    }
}
