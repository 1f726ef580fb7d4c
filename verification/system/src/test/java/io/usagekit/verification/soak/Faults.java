package io.usagekit.verification.soak;

import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import io.usagekit.servers.EmbeddedPostgresServer;
import io.usagekit.servers.EmbeddedRedisServer;
import io.usagekit.testkit.FaultyProxy;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;

/** What goes wrong: one thing at a time, for a moment; everything in turn, each turn in another order. */
final class Faults {

    /** Something that goes wrong; running what it gives back mends it. */
    private interface Fault {
        Runnable begin();
    }

    private record Named(String name, Fault fault) {}

    private final Random random;
    private final List<Named> faults;
    private final Deque<Named> turn = new ArrayDeque<>();

    Faults(
            Random random,
            EmbeddedPostgresServer postgres,
            EmbeddedRedisServer redis,
            List<FaultyProxy> postgresLinks,
            List<FaultyProxy> redisLinks,
            List<Member> members,
            Checker checker) {
        this.random = random;
        this.faults = List.of(
                new Named("Redis killed", () -> {
                    redis.kill();
                    return redis::restart;
                }),
                new Named("Redis paused", () -> {
                    redis.pause();
                    return redis::resume;
                }),
                new Named("PostgreSQL killed", () -> {
                    postgres.kill();
                    return postgres::restart;
                }),
                new Named("PostgreSQL paused", () -> {
                    postgres.pause();
                    return postgres::resume;
                }),
                new Named("Redis full", () -> configure(redis, "maxmemory", "1", "0")),
                new Named("Redis without its replicas", () -> configure(redis, "min-replicas-to-write", "1", "0")),
                new Named("links to Redis swallowed", () -> some(redisLinks, FaultyProxy::swallow)),
                new Named("links to Redis cut", () -> some(redisLinks, FaultyProxy::cut)),
                new Named("links to Redis cut once", () -> some(redisLinks, FaultyProxy::cutOnce)),
                new Named("links to Redis frozen", () -> some(redisLinks, FaultyProxy::freeze)),
                new Named("answers of Redis frozen", () -> some(redisLinks, FaultyProxy::freezeResponses)),
                new Named("links to Redis slow", () -> some(redisLinks, link -> link.slow(Duration.ofMillis(100)))),
                new Named("links to PostgreSQL cut", () -> some(postgresLinks, FaultyProxy::cut)),
                new Named("links to PostgreSQL frozen", () -> some(postgresLinks, FaultyProxy::freeze)),
                new Named(
                        "links to PostgreSQL slow",
                        () -> some(postgresLinks, link -> link.slow(Duration.ofMillis(100)))),
                new Named("a process paused", () -> {
                    int number = random.nextInt(members.size());
                    Runnable over = checker.pause(number);
                    members.get(number).signal("-STOP");
                    return () -> {
                        members.get(number).signal("-CONT");
                        over.run();
                    };
                }));
    }

    /** Sets a parameter of the server; mending sets it back. */
    private static Runnable configure(EmbeddedRedisServer redis, String parameter, String wrong, String right) {
        set(redis, parameter, wrong);
        return () -> set(redis, parameter, right);
    }

    private static void set(EmbeddedRedisServer redis, String parameter, String value) {
        RedisClient client = RedisClient.create(redis.url());
        try (StatefulRedisConnection<String, String> connection = client.connect()) {
            connection.sync().configSet(parameter, value);
        } finally {
            client.shutdown();
        }
    }

    private Runnable some(List<FaultyProxy> links, Consumer<FaultyProxy> fault) {
        List<FaultyProxy> chosen =
                links.stream().filter(link -> random.nextInt(3) > 0).toList();
        chosen.forEach(fault);
        return () -> chosen.forEach(FaultyProxy::pass);
    }

    /** Begins one, and says which. */
    Current next() {
        if (turn.isEmpty()) {
            List<Named> shuffled = new ArrayList<>(faults);
            Collections.shuffle(shuffled, random);
            turn.addAll(shuffled);
        }
        Named named = turn.remove();
        return new Current(named.name(), named.fault().begin());
    }

    /** What goes wrong now. */
    record Current(String name, Runnable mend) {}
}
