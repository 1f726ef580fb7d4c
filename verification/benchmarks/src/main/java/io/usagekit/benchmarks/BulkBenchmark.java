package io.usagekit.benchmarks;

import io.lettuce.core.RedisClient;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResults;
import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.redis.RedisUsage;
import io.usagekit.servers.EmbeddedRedisServer;
import java.time.Duration;
import java.time.YearMonth;
import java.util.List;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/** The figures of a hundred organisations by one call, beside a hundred calls: found in Redis, and computed. */
final class BulkBenchmark {

    private static final String SCHEMA = "benchmark";
    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final List<String> ORGANISATIONS =
            IntStream.rangeClosed(1, 100).mapToObj(n -> "org-" + n).toList();

    private final int times;
    private final int events;

    /**
     * Prepares.
     *
     * @param times calls for all organisations in a slice
     * @param events events of all organisations
     */
    BulkBenchmark(int times, int events) {
        this.times = times;
        this.events = events;
    }

    /** Compares, on a Redis and a PostgreSQL of its own. */
    List<Comparison.Result> run(int warmUp, int rounds, IntConsumer progress) throws Exception {
        try (EmbeddedRedisServer server = EmbeddedRedisServer.start();
                BenchmarkDatabase database = new BenchmarkDatabase()) {
            database.createGatewayTables(SCHEMA, events);
            TableMapping mapping = TableMapping.gateway(SCHEMA);
            PostgresUsage.installIndexes(database.pool(), mapping);
            database.run("vacuum (analyze)");
            RedisClient client = RedisClient.create(server.url());
            try (UsageService cached = UsageService.builder(PostgresUsage.calculator(database.pool(), mapping))
                            .cache(RedisUsage.cache(client))
                            .refreshAfter(Duration.ofHours(1))
                            .ttl(Duration.ofHours(2))
                            .build();
                    UsageService computing = UsageService.builder(PostgresUsage.calculator(database.pool(), mapping))
                            .build()) {
                return new Comparison(List.of(
                                gets("100 gets, found in Redis", cached),
                                getAll("getAll of 100, found in Redis", cached),
                                gets("100 gets, computed", computing),
                                getAll("getAll of 100, computed", computing)))
                        .run(warmUp, rounds, progress);
            } finally {
                client.shutdown();
            }
        }
    }

    private Peer gets(String name, UsageService service) {
        return Peer.mean(name, times, n -> {
            for (int i = 0; i < n; i++) {
                ORGANISATIONS.forEach(organisation -> service.get(organisation, MARCH));
            }
        });
    }

    private Peer getAll(String name, UsageService service) {
        return Peer.mean(name, times, n -> {
            for (int i = 0; i < n; i++) {
                UsageResults all = service.getAll(ORGANISATIONS, MARCH);
                if (!all.failures().isEmpty()) {
                    throw new IllegalStateException("figures failed: " + all.failures());
                }
            }
        });
    }
}
