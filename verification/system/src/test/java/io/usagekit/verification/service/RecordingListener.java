package io.usagekit.verification.service;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.Freshness;
import io.usagekit.Tier;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Writes down what it is told. */
final class RecordingListener implements UsageListener {

    /** One thing told; the detail is an age, a duration, an error, or the empty string. */
    record Event(String name, UsageKey key, Object detail) {}

    /** Of what is told of no figure in particular. */
    static final UsageKey NO_KEY = new UsageKey("-", Scene.MARCH);

    private final List<Event> events = new ArrayList<>();

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

    /** Waits until this has been told so many times. */
    synchronized void await(String name, int times) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (count(name) < times && System.nanoTime() < deadline) {
            wait(1_000);
        }
        assertThat(count(name)).as("how often %s was told, of %s", name, events).isGreaterThanOrEqualTo(times);
    }

    synchronized void clear() {
        events.clear();
    }

    private synchronized void add(String name, UsageKey key, Object detail) {
        events.add(new Event(name, key, detail));
        notifyAll();
    }

    @Override
    public void hit(UsageKey key, Tier tier, Duration age) {
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
