package io.usagekit.postgres.internal.cache;

import io.usagekit.UsageCache;
import io.usagekit.testkit.contract.UsageCacheContract;
import java.time.Duration;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** Runs the cache contract. */
class PostgresUsageCacheIT extends UsageCacheContract {

    private static CacheFixture fixture;

    @BeforeAll
    static void install() {
        fixture = CacheFixture.install("cache_contract");
    }

    @AfterAll
    static void remove() {
        fixture.close();
    }

    @Override
    protected UsageCache openCache() {
        fixture.empty();
        return fixture.cache();
    }

    @Override
    protected void elapse(Duration duration) {
        fixture.elapse(duration);
    }

    /** Pruning runs every ten seconds, and a run spares the rows that {@link #elapse} holds at that moment. */
    @Override
    protected Duration patience() {
        return Duration.ofMinutes(1);
    }

    @Override
    protected OptionalLong heldEntries() {
        return OptionalLong.of(fixture.rows());
    }
}
