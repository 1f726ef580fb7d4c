package io.usagekit.verification.soak;

import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.api.sync.RedisServerCommands;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.output.StatusOutput;
import io.lettuce.core.protocol.CommandArgs;
import io.lettuce.core.protocol.CommandType;
import io.usagekit.servers.EmbeddedPostgresServer;
import io.usagekit.servers.EmbeddedRedisServer;
import io.usagekit.servers.RedisServer;
import io.usagekit.testkit.FaultyProxy;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

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
            @Nullable RedisServer redis,
            List<FaultyProxy> postgresLinks,
            List<FaultyProxy> redisLinks,
            List<Member> members,
            Checker checker) {
        this.random = random;
        this.faults = new ArrayList<>(List.of(
                new Named("PostgreSQL killed", () -> {
                    postgres.kill();
                    return postgres::restart;
                }),
                new Named("PostgreSQL paused", () -> {
                    postgres.pause();
                    return postgres::resume;
                }),
                new Named("timers blocked", () -> {
                    members.forEach(member -> member.send(SoakMember.BLOCK));
                    return () -> members.forEach(member -> member.send(SoakMember.UNBLOCK));
                }),
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
                })));
        if (redis != null) {
            faults.addAll(ofRedis(redis, redisLinks, checker));
        }
    }

    private List<Named> ofRedis(RedisServer redis, List<FaultyProxy> links, Checker checker) {
        List<Named> all = new ArrayList<>(List.of(
                new Named("Redis full", () -> configure(redis, "maxmemory", "1", "0")),
                new Named("Redis without its replicas", () -> configure(redis, "min-replicas-to-write", "1", "0")),
                new Named("Redis read-only", () -> {
                    with(redis, commands -> commands.replicaof("127.0.0.1", 1)); // no server has this port
                    return () -> with(redis, RedisServerCommands::replicaofNoOne);
                }),
                new Named("scripts refused", () -> {
                    Runnable over = checker.uncoordinated();
                    allow(redis, "-@scripting");
                    return () -> {
                        allow(redis, "+@scripting");
                        over.run();
                    };
                }),
                new Named("links to Redis swallowed", () -> some(links, FaultyProxy::swallow)),
                new Named("links to Redis cut", () -> some(links, FaultyProxy::cut)),
                new Named("links to Redis cut once", () -> some(links, FaultyProxy::cutOnce)),
                new Named("links to Redis frozen", () -> some(links, FaultyProxy::freeze)),
                new Named("answers of Redis frozen", () -> some(links, FaultyProxy::freezeResponses)),
                new Named("links to Redis slow", () -> some(links, link -> link.slow(Duration.ofMillis(100))))));
        if (redis instanceof EmbeddedRedisServer own) {
            all.add(new Named("Redis killed", () -> {
                own.kill();
                return own::restart;
            }));
            all.add(new Named("Redis paused", () -> {
                own.pause();
                return own::resume;
            }));
        }
        return all;
    }

    /** Sets a parameter of the server; mending sets it back. */
    private static Runnable configure(RedisServer redis, String parameter, String wrong, String right) {
        with(redis, commands -> commands.configSet(parameter, wrong));
        return () -> with(redis, commands -> commands.configSet(parameter, right));
    }

    private static void allow(RedisServer redis, String rule) {
        with(
                redis,
                commands -> commands.dispatch(
                        CommandType.ACL,
                        new StatusOutput<>(StringCodec.UTF8),
                        new CommandArgs<>(StringCodec.UTF8)
                                .add("SETUSER")
                                .add("default")
                                .add(rule)));
    }

    /** Runs commands on the server itself. */
    static void with(RedisServer redis, Consumer<RedisCommands<String, String>> commands) {
        RedisClient client = RedisClient.create(redis.url());
        try (StatefulRedisConnection<String, String> connection = client.connect()) {
            commands.accept(connection.sync());
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
