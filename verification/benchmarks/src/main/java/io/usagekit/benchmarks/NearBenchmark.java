package io.usagekit.benchmarks;

import com.alicp.jetcache.MultiLevelCacheBuilder;
import com.alicp.jetcache.embedded.CaffeineCacheBuilder;
import com.alicp.jetcache.redis.lettuce.RedisLettuceCacheBuilder;
import com.alicp.jetcache.support.JavaValueDecoder;
import com.alicp.jetcache.support.JavaValueEncoder;
import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import com.github.freva.asciitable.AsciiTable;
import com.github.freva.asciitable.Column;
import com.github.freva.asciitable.HorizontalAlign;
import com.sun.management.ThreadMXBean;
import io.lettuce.core.RedisClient;
import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.redis.RedisUsage;
import io.usagekit.servers.EmbeddedRedisServer;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.List;
import java.util.Locale;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.redisson.Redisson;
import org.redisson.api.RLocalCachedMap;
import org.redisson.api.RedissonClient;
import org.redisson.api.options.LocalCachedMapOptions;
import org.redisson.config.Config;

/** A hit in the near cache, beside a map that knows nothing of Redis, and beside caches that do. */
final class NearBenchmark {

    private static final String ORGANISATION = "org-123";
    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final UsageKey KEY = new UsageKey(ORGANISATION, MARCH);
    private static final String TEXT = "v2 usage:org-123:2026-03 100/1024 50/512 2026-03-17T01:28:00Z 600000";
    private static final int ROOM = 10_000;
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    /** Where what is read goes, so that reading it can't be left out. */
    private @Nullable Object sink;

    private long nanos;

    private final int times;

    private List<Octets> octets = List.of();

    /** Octets that one hit allocates. */
    private record Octets(String name, double allocated) {}

    /**
     * Prepares.
     *
     * @param times hits in a slice
     */
    NearBenchmark(int times) {
        this.times = times;
    }

    /** Compares, on a Redis of its own. */
    List<Comparison.Result> run(int warmUp, int rounds, IntConsumer progress) throws Exception {
        try (EmbeddedRedisServer server = EmbeddedRedisServer.start()) {
            RedisClient client = RedisClient.create(server.url());
            RedissonClient redisson = redisson(server.url());
            try (UsageCache cache = RedisUsage.nearCache(client);
                    UsageService service = UsageService.builder(NearBenchmark::figure)
                            .cache(RedisUsage.nearCache(client))
                            .refreshAfter(Duration.ofHours(1))
                            .ttl(Duration.ofHours(2))
                            .build();
                    com.alicp.jetcache.Cache<String, String> jetCache = jetCache(client)) {
                List<Peer> peers =
                        List.of(bare(), clock(), near(cache), service(service), redisson(redisson), jetCache(jetCache));
                List<Comparison.Result> results = new Comparison(peers).run(warmUp, rounds, progress);
                octets = peers.stream()
                        .map(peer -> new Octets(peer.name(), octets(peer)))
                        .toList();
                return results;
            } finally {
                redisson.shutdown();
                client.shutdown();
            }
        }
    }

    private static OrganisationUsage figure(UsageKey key, Duration timeout) {
        return new OrganisationUsage(
                key, new UsageMetrics(100, 1024), new UsageMetrics(50, 512), Instant.parse("2026-03-17T01:28:00Z"));
    }

    private Peer bare() {
        Cache<UsageKey, OrganisationUsage> bare =
                Caffeine.newBuilder().maximumSize(ROOM).build();
        bare.put(KEY, figure(KEY, Duration.ZERO));
        check(() -> bare.getIfPresent(KEY));
        return Peer.mean("Caffeine, bare", times, n -> {
            for (int i = 0; i < n; i++) {
                sink = bare.getIfPresent(KEY);
            }
        });
    }

    /** What each look into the memory costs besides: how long it is current is a time. */
    private Peer clock() {
        return Peer.mean("System.nanoTime()", times, n -> {
            for (int i = 0; i < n; i++) {
                nanos = System.nanoTime();
            }
        });
    }

    private Peer near(UsageCache cache) {
        cache.put(KEY, new AgedUsage(figure(KEY, Duration.ZERO), Duration.ZERO), Duration.ofHours(1))
                .toCompletableFuture()
                .join();
        check(() -> cache.get(KEY).toCompletableFuture().join().orElse(null));
        check(() -> cache.near(KEY).orElse(null));
        return Peer.mean("UsageCache.near", times, n -> {
            for (int i = 0; i < n; i++) {
                sink = cache.near(KEY);
            }
        });
    }

    private Peer service(UsageService service) {
        check(() -> service.get(ORGANISATION, MARCH)); // computes and keeps
        check(() -> service.get(ORGANISATION, MARCH)); // finds it in Redis
        return Peer.mean("UsageService.get, near hit", times, n -> {
            for (int i = 0; i < n; i++) {
                sink = service.get(ORGANISATION, MARCH);
            }
        });
    }

    private static RedissonClient redisson(String url) {
        Config config = new Config();
        config.useSingleServer().setAddress(url).setConnectionMinimumIdleSize(1);
        return Redisson.create(config);
    }

    private Peer redisson(RedissonClient redisson) {
        RLocalCachedMap<String, String> map =
                redisson.getLocalCachedMap(LocalCachedMapOptions.<String, String>name("benchmark")
                        .cacheProvider(LocalCachedMapOptions.CacheProvider.CAFFEINE)
                        .cacheSize(ROOM));
        map.put(ORGANISATION, TEXT);
        check(() -> map.get(ORGANISATION));
        return Peer.mean("Redisson, local cached map", times, n -> {
            for (int i = 0; i < n; i++) {
                sink = map.get(ORGANISATION);
            }
        });
    }

    private static com.alicp.jetcache.Cache<String, String> jetCache(RedisClient client) {
        com.alicp.jetcache.Cache<String, String> near =
                CaffeineCacheBuilder.createCaffeineCacheBuilder().limit(ROOM).buildCache();
        com.alicp.jetcache.Cache<String, String> shared = RedisLettuceCacheBuilder.createRedisLettuceCacheBuilder()
                .redisClient(client)
                .keyPrefix("benchmark:")
                .valueEncoder(JavaValueEncoder.INSTANCE)
                .valueDecoder(JavaValueDecoder.INSTANCE)
                .buildCache();
        return MultiLevelCacheBuilder.createMultiLevelCacheBuilder()
                .addCache(near, shared)
                .buildCache();
    }

    private Peer jetCache(com.alicp.jetcache.Cache<String, String> cache) {
        cache.put(ORGANISATION, TEXT);
        check(() -> cache.get(ORGANISATION));
        return Peer.mean("JetCache, two levels", times, n -> {
            for (int i = 0; i < n; i++) {
                sink = cache.get(ORGANISATION);
            }
        });
    }

    private static void check(Supplier<@Nullable Object> hit) {
        if (hit.get() == null) {
            throw new IllegalStateException("what was put isn't found");
        }
    }

    private double octets(Peer peer) {
        long thread = Thread.currentThread().getId();
        long before = THREADS.getThreadAllocatedBytes(thread);
        peer.measure();
        return (double) (THREADS.getThreadAllocatedBytes(thread) - before) / times;
    }

    /** What hits allocate, for people to read; after {@link #run}. */
    String octets() {
        return AsciiTable.builder()
                .border(AsciiTable.BASIC_ASCII_NO_DATA_SEPARATORS)
                .data(
                        octets,
                        List.of(
                                new Column()
                                        .header("a hit")
                                        .dataAlign(HorizontalAlign.LEFT)
                                        .with(Octets::name),
                                new Column()
                                        .header("octets allocated")
                                        .headerAlign(HorizontalAlign.RIGHT)
                                        .dataAlign(HorizontalAlign.RIGHT)
                                        .with(one -> String.format(Locale.ROOT, "%,.0f", one.allocated()))))
                .asString();
    }

    /** What was read last. */
    @Nullable
    Object sink() {
        return sink;
    }
}
