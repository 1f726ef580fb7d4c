package io.usagekit.redis;

import static io.usagekit.redis.Redis.await;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.FlightStore.Acquisition;
import io.usagekit.FlightStore.LeaseRequest;
import io.usagekit.FlightStore.Publication;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.servers.RedisServer;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;

/** Fixture: a server, and a flight store in it for each test. */
abstract class RedisFlightFixture {

    static final UsageKey KEY = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));
    static final String ENTRY = "usage:org-123:2026-03";
    static final String LOCK = "usage:lock:{usage:org-123:2026-03}";
    static final String FENCES = "usage:fence:{usage:org-123:2026-03}";
    static final String INDEX = "usage:index:{org-123}";
    static final Duration LEASE = Duration.ofSeconds(30);
    static final Duration TIME_TO_LIVE = Duration.ofMinutes(10);
    static final Duration ANY_AGE = Duration.ofDays(1);

    private static RedisServer server;
    static RedisClient client;
    FlightStore store;

    @BeforeAll
    static void start() {
        server = RedisServer.start();
        client = RedisClient.create(server.url());
    }

    @AfterAll
    static void stop() {
        client.shutdown();
        server.close();
    }

    @BeforeEach
    final void open() {
        store = Redis.emptiedStore(client);
    }

    @AfterEach
    final void close() {
        store.close();
    }

    final Acquisition acquire(String token, Duration acceptableAge) {
        return await(store.acquire(KEY, new LeaseRequest(token, LEASE, acceptableAge, OptionalLong.empty())));
    }

    final long acquired(String token) {
        return acquired(token, Duration.ZERO);
    }

    final long acquired(String token, Duration acceptableAge) {
        Acquisition acquisition = acquire(token, acceptableAge);
        assertThat(acquisition).isInstanceOf(Acquisition.Acquired.class);
        return ((Acquisition.Acquired) acquisition).fence();
    }

    final Publication publish(String token, long fence, long volume) {
        return await(store.publish(KEY, token, fence, aged(KEY, volume), TIME_TO_LIVE));
    }

    static AgedUsage aged(UsageKey key, long volume) {
        return new AgedUsage(figure(key, volume), Duration.ZERO);
    }

    static OrganisationUsage figure(UsageKey key, long volume) {
        return new OrganisationUsage(
                key, new UsageMetrics(volume, volume), UsageMetrics.ZERO, Instant.parse("2026-03-17T01:28:00.123456Z"));
    }
}
