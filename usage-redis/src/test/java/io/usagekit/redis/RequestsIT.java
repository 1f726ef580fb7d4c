package io.usagekit.redis;

import static io.usagekit.redis.Redis.eventually;
import static io.usagekit.redis.RedisOutageFixture.figure;
import static io.usagekit.redis.RedisOutageFixture.key;
import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import io.usagekit.Freshness;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.servers.EmbeddedRedisServer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** How many commands Redis receives for a figure that is missing. */
class RequestsIT {

    private static final int PROCESSES = 3;
    private static final int CALLERS = 64;

    private final AtomicInteger computing = new AtomicInteger();
    private final AtomicInteger waiting = new AtomicInteger();
    private final List<RedisClient> clients = new ArrayList<>();
    private final List<UsageService> services = new ArrayList<>();
    private CountDownLatch gate = new CountDownLatch(0);
    private EmbeddedRedisServer server;
    private RedisClient client;
    private CommandMonitor monitor;

    @BeforeEach
    void start() {
        server = EmbeddedRedisServer.start();
        client = RedisClient.create(server.url());
        monitor = new CommandMonitor(client, server.url());
        for (int i = 0; i < PROCESSES; i++) {
            RedisClient own = RedisClient.create(server.url());
            clients.add(own);
            services.add(service(own));
            get(i, i); // now the process knows the server's clock, and the server the scripts
        }
        monitor.sent();
        computing.set(0);
    }

    @AfterEach
    void stop() {
        gate.countDown();
        services.forEach(UsageService::close);
        clients.forEach(RedisClient::shutdown);
        monitor.close();
        client.shutdown();
        server.close();
    }

    /** A service for which no time passes, so that it doesn't read or poll again because of that. */
    private UsageService service(RedisClient own) {
        RedisUsage.Builder redis = Redis.patience(own)
                .lease(Duration.ofSeconds(60))
                .heartbeat(Duration.ofSeconds(20))
                .pollInterval(Duration.ofSeconds(60));
        return UsageService.builder((key, timeout) -> compute(key))
                .cache(redis.build())
                .singleFlight(redis.buildSingleFlight())
                .computationTimeout(Duration.ofSeconds(60))
                .ticker(() -> 0)
                .listener(new UsageListener() {
                    @Override
                    public void remoteLoadAwaited(UsageKey key) {
                        waiting.incrementAndGet();
                    }
                })
                .build();
    }

    private OrganisationUsage compute(UsageKey key) {
        computing.incrementAndGet();
        try {
            gate.await();
        } catch (InterruptedException e) {
            throw new UsageCalculationException("interrupted", e);
        }
        return figure(Integer.parseInt(key.organisationId().substring("org-".length())));
    }

    private void get(int process, int figure) {
        assertThat(services.get(process)
                        .get(key(figure).organisationId(), key(figure).period())
                        .freshness())
                .isEqualTo(Freshness.FRESH);
    }

    private CompletionStage<UsageResult> getAsync(int process, int figure) {
        return services.get(process)
                .getAsync(key(figure).organisationId(), key(figure).period());
    }

    @Test
    void missTakesThreeRequests() {
        for (int i = 10; i < 20; i++) {
            get(0, i);
            // One write, the lease and the publication.
            assertThat(monitor.sent()).containsExactly("PTTL", "GET", "PTTL", "EVALSHA", "EVALSHA");
        }
    }

    /** Of each process the first caller reads and acquires; the leader then publishes, and the others find its figure. */
    @Test
    void callersThatWaitSendNothing() {
        gate = new CountDownLatch(1);
        List<CompletionStage<UsageResult>> callers = new ArrayList<>();
        for (int process = 0; process < PROCESSES; process++) {
            int others = process;
            callers.add(getAsync(process, 10));
            eventually("the load computes or waits", () -> computing.get() == 1 && waiting.get() == others);
        }
        assertThat(monitor.sent()).hasSize(PROCESSES * 4);
        for (int process = 0; process < PROCESSES; process++) {
            for (int caller = 1; caller < CALLERS; caller++) {
                callers.add(getAsync(process, 10));
            }
        }
        assertThat(monitor.sent()).isEmpty();

        gate.countDown();

        callers.forEach(caller -> assertThat(Redis.await(caller).freshness()).isEqualTo(Freshness.FRESH));
        assertThat(monitor.sent()).isEqualTo(Collections.nCopies(PROCESSES, "EVALSHA"));
        assertThat(computing).hasValue(1);
    }
}
