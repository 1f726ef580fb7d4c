package io.usagekit.benchmarks;

import com.alicp.jetcache.redis.lettuce.RedisLettuceCacheBuilder;
import com.alicp.jetcache.support.JavaValueDecoder;
import com.alicp.jetcache.support.JavaValueEncoder;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.github.freva.asciitable.AsciiTable;
import com.github.freva.asciitable.Column;
import com.github.freva.asciitable.ColumnData;
import com.github.freva.asciitable.HorizontalAlign;
import com.sun.management.ThreadMXBean;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.redis.RedisUsage;
import io.usagekit.servers.EmbeddedRedisServer;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.function.IntConsumer;
import java.util.function.ToDoubleFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.springframework.cache.Cache;
import org.springframework.data.redis.cache.RedisCacheConfiguration;
import org.springframework.data.redis.cache.RedisCacheManager;
import org.springframework.data.redis.connection.lettuce.LettuceConnectionFactory;
import org.springframework.data.redis.serializer.RedisSerializationContext;
import org.springframework.data.redis.serializer.RedisSerializer;

/** A hit in Redis, beside a bare GET whose value Jackson reads, and beside other caches over Lettuce. */
final class HitBenchmark {

    /**
     * What one hit costs besides its time.
     *
     * @param allocated octets allocated by all threads of the JVM
     * @param commands commands that Redis executed
     * @param serverMicros how long it executed them, in microseconds
     */
    private record Cost(String name, double allocated, double commands, double serverMicros) {}

    private static final String ORGANISATION = "org-123";
    private static final UsagePeriod MARCH = UsagePeriod.month(YearMonth.of(2026, 3));
    private static final UsageKey KEY = new UsageKey(ORGANISATION, MARCH);
    private static final int THREADS = 8;
    private static final Pattern CALLS = Pattern.compile("cmdstat_([^:]+):calls=(\\d+),usec=(\\d+)");

    /** A figure as a host would write it with Jackson. */
    record Stored(long receivedVolume, long receivedBytes, long sentVolume, long sentBytes, String computed)
            implements Serializable {

        private OrganisationUsage usage() {
            return new OrganisationUsage(
                    KEY,
                    new UsageMetrics(receivedVolume, receivedBytes),
                    new UsageMetrics(sentVolume, sentBytes),
                    Instant.parse(computed));
        }
    }

    private record Candidate(String name, Runnable hit) {}

    /** Where what is read goes, so that reading it can't be left out. */
    private volatile @Nullable Object sink;

    private final int times;

    private List<Cost> costs = List.of();

    /**
     * Prepares.
     *
     * @param times hits in a slice
     */
    HitBenchmark(int times) {
        this.times = times;
    }

    /** Compares, on a Redis of its own. */
    List<Comparison.Result> run(int warmUp, int rounds, IntConsumer progress) throws Exception {
        try (EmbeddedRedisServer server = EmbeddedRedisServer.start()) {
            RedisClient client = RedisClient.create(server.url());
            try (StatefulRedisConnection<String, String> connection = client.connect();
                    UsageCache cache = RedisUsage.cache(client);
                    UsageService service = UsageService.builder(HitBenchmark::figure)
                            .cache(RedisUsage.cache(client))
                            .singleFlight(RedisUsage.singleFlight(client))
                            .refreshAfter(Duration.ofHours(1))
                            .ttl(Duration.ofHours(2))
                            .build();
                    com.alicp.jetcache.Cache<String, Stored> jetCache = jetCache(client);
                    Spring spring = new Spring(server.url())) {
                List<Candidate> candidates =
                        List.of(bare(connection), cache(cache), service(service), spring(spring), jetCache(jetCache));
                List<Comparison.Result> results =
                        new Comparison(candidates.stream().map(this::peer).toList()).run(warmUp, rounds, progress);
                List<Cost> measured = new ArrayList<>();
                for (Candidate candidate : candidates) {
                    measured.add(cost(candidate, connection));
                }
                costs = List.copyOf(measured);
                List<Comparison.Result> all = new ArrayList<>(results);
                all.addAll(together(candidates, rounds));
                return all;
            } finally {
                client.shutdown();
            }
        }
    }

    private Peer peer(Candidate candidate) {
        return Peer.median(candidate.name(), times, number -> candidate.hit().run());
    }

    /** Compares eight threads that hit at the same time; the time of a hit is that of all together, divided by their hits. */
    private List<Comparison.Result> together(List<Candidate> candidates, int rounds) {
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        try {
            return new Comparison(candidates.stream()
                            .map(candidate -> Peer.mean(
                                    candidate.name() + ", " + THREADS + " threads",
                                    times * THREADS,
                                    hits -> hitTogether(candidate, hits / THREADS, threads)))
                            .toList())
                    .run(1, rounds, round -> {});
        } finally {
            threads.shutdown();
        }
    }

    private static void hitTogether(Candidate candidate, int each, Executor threads) {
        CompletableFuture<?>[] done = Stream.generate(() -> CompletableFuture.runAsync(
                        () -> {
                            for (int hit = 0; hit < each; hit++) {
                                candidate.hit().run();
                            }
                        },
                        threads))
                .limit(THREADS)
                .toArray(CompletableFuture<?>[]::new);
        CompletableFuture.allOf(done).join();
    }

    private static OrganisationUsage figure(UsageKey key, Duration timeout) {
        return new OrganisationUsage(
                key, new UsageMetrics(100, 1024), new UsageMetrics(50, 512), Instant.parse("2026-03-17T01:28:00Z"));
    }

    private Candidate bare(StatefulRedisConnection<String, String> connection) {
        ObjectMapper mapper = new ObjectMapper();
        connection
                .sync()
                .set(
                        "benchmark:bare",
                        "{\"receivedVolume\":100,\"receivedBytes\":1024,\"sentVolume\":50,\"sentBytes\":512,"
                                + "\"computed\":\"2026-03-17T01:28:00Z\"}");
        return new Candidate("GET, Lettuce and Jackson", () -> {
            try {
                sink = mapper.readValue(connection.sync().get("benchmark:bare"), Stored.class)
                        .usage();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }

    private Candidate cache(UsageCache cache) {
        cache.put(KEY, new AgedUsage(figure(KEY, Duration.ZERO), Duration.ZERO), Duration.ofHours(1))
                .toCompletableFuture()
                .join();
        return new Candidate(
                "UsageCache.get",
                () -> sink = cache.get(KEY).toCompletableFuture().join().orElseThrow());
    }

    private Candidate service(UsageService service) {
        service.get(ORGANISATION, MARCH);
        return new Candidate("UsageService.get, hit in Redis", () -> sink = service.get(ORGANISATION, MARCH));
    }

    private static com.alicp.jetcache.Cache<String, Stored> jetCache(RedisClient client) {
        return RedisLettuceCacheBuilder.createRedisLettuceCacheBuilder()
                .redisClient(client)
                .keyPrefix("benchmark:")
                .valueEncoder(JavaValueEncoder.INSTANCE)
                .valueDecoder(JavaValueDecoder.INSTANCE)
                .buildCache();
    }

    private Candidate jetCache(com.alicp.jetcache.Cache<String, Stored> cache) {
        cache.put(ORGANISATION, new Stored(100, 1024, 50, 512, "2026-03-17T01:28:00Z"));
        return new Candidate(
                "JetCache, Lettuce and Java serialization",
                () -> sink = cache.get(ORGANISATION).usage());
    }

    private Candidate spring(Spring spring) {
        spring.cache.put(ORGANISATION, new Stored(100, 1024, 50, 512, "2026-03-17T01:28:00Z"));
        return new Candidate(
                "Spring's cache, Lettuce and Jackson",
                () -> sink = Objects.requireNonNull(spring.cache.get(ORGANISATION, Stored.class))
                        .usage());
    }

    /** Spring's cache over a connection of its own, which all threads share. */
    private static final class Spring implements AutoCloseable, RedisSerializer<Stored> {

        private final ObjectMapper mapper = new ObjectMapper();
        private final LettuceConnectionFactory connections;
        private final Cache cache;

        Spring(String url) {
            RedisURI address = RedisURI.create(url);
            connections = new LettuceConnectionFactory(address.getHost(), address.getPort());
            connections.afterPropertiesSet();
            connections.start();
            RedisCacheManager caches = RedisCacheManager.builder(connections)
                    .cacheDefaults(RedisCacheConfiguration.defaultCacheConfig()
                            .serializeValuesWith(RedisSerializationContext.SerializationPair.fromSerializer(this)))
                    .build();
            caches.afterPropertiesSet();
            cache = Objects.requireNonNull(caches.getCache("benchmark"));
        }

        @Override
        public byte[] serialize(@Nullable Stored value) {
            try {
                return mapper.writeValueAsBytes(value);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public @Nullable Stored deserialize(byte @Nullable [] text) {
            try {
                return text == null ? null : mapper.readValue(text, Stored.class);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        @Override
        public void close() {
            connections.destroy();
        }
    }

    /** Measures many hits in a row by one thread. */
    private Cost cost(Candidate candidate, StatefulRedisConnection<String, String> connection) {
        int hits = times * 10;
        connection.sync().configResetstat();
        long allocatedBefore = allocated();
        for (int i = 0; i < hits; i++) {
            candidate.hit().run();
        }
        double allocated = (double) (allocated() - allocatedBefore) / hits;
        double commands = 0;
        double micros = 0;
        Matcher matcher = CALLS.matcher(connection.sync().info("commandstats"));
        while (matcher.find()) {
            if (!matcher.group(1).startsWith("config")) {
                commands += Long.parseLong(matcher.group(2));
                micros += Long.parseLong(matcher.group(3));
            }
        }
        return new Cost(candidate.name(), allocated, commands / hits, micros / hits);
    }

    private static long allocated() {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        long sum = 0;
        for (long bytes : threads.getThreadAllocatedBytes(threads.getAllThreadIds())) {
            sum += Math.max(bytes, 0);
        }
        return sum;
    }

    /** What hits cost besides their time, for people to read; after {@link #run}. */
    String costs() {
        return AsciiTable.builder()
                .border(AsciiTable.BASIC_ASCII_NO_DATA_SEPARATORS)
                .data(
                        costs,
                        List.of(
                                new Column()
                                        .header("a hit")
                                        .dataAlign(HorizontalAlign.LEFT)
                                        .with(Cost::name),
                                column("octets allocated", "%,.0f", Cost::allocated),
                                column("commands", "%.2f", Cost::commands),
                                column("us in Redis", "%.1f", Cost::serverMicros)))
                .asString();
    }

    private static ColumnData<Cost> column(String header, String format, ToDoubleFunction<Cost> value) {
        return new Column()
                .header(header)
                .headerAlign(HorizontalAlign.RIGHT)
                .dataAlign(HorizontalAlign.RIGHT)
                .with(cost -> String.format(Locale.ROOT, format, value.applyAsDouble(cost)));
    }
}
