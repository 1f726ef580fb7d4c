package io.usagekit.verification.service;

import io.usagekit.SingleFlight;
import io.usagekit.SingleFlights;
import io.usagekit.UsageCache;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.InMemoryUsageCalculator;
import io.usagekit.testkit.ManualClock;
import io.usagekit.testkit.contract.UsageServiceContract;
import java.time.Duration;
import java.time.Instant;

/** All in memory, on a clock that moves when a test says so. */
class InMemoryBackend implements UsageServiceContract.Backend {

    final ManualClock clock = ManualClock.at("2026-03-17T01:28:00Z");
    final InMemoryUsageCache cache = InMemoryUsageCache.create(clock);
    private final InMemoryUsageCalculator database = InMemoryUsageCalculator.create(clock);

    @Override
    public UsageServiceBuilder builder(UsageCalculator calculator) {
        return UsageService.builder(calculator).clock(clock).ticker(clock.ticker());
    }

    @Override
    public void elapse(Duration duration) {
        clock.advance(duration);
    }

    @Override
    public UsageCalculator calculator() {
        return database;
    }

    @Override
    public void received(String organisationId, Instant at, int bytes) {
        database.received(organisationId, at, bytes);
    }

    @Override
    public UsageCache openCache() {
        return InMemoryUsageCache.over(cache);
    }

    @Override
    public SingleFlight openSingleFlight() {
        return SingleFlights.inProcess();
    }

    @Override
    public void disconnectCache() {
        cache.goDown();
    }

    @Override
    public void expireLeases() {
        throw new AssertionError("there are none");
    }

    @Override
    public void corruptEntry(UsageKey key) {
        // What this cache can't read it doesn't have.
    }

    @Override
    public boolean holdsEntry(UsageKey key) {
        return cache.get(key).toCompletableFuture().join().isPresent();
    }

    @Override
    public void close() {}
}
