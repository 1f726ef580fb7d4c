package io.usagekit.verification.soak;

import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.output.StatusOutput;
import io.lettuce.core.protocol.CommandArgs;
import io.lettuce.core.protocol.CommandType;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/** What an administrator does on Redis servers, each named by its URL. */
final class RedisAdmin {

    /** Lines of {@code CLIENT LIST}: of a replica, a master, or a Sentinel. */
    private static final Predicate<String> SERVER =
            Pattern.compile(" (flags=[SM]|name=sentinel-\\S*) ").asPredicate();

    private RedisAdmin() {}

    /** Runs commands on a server itself. */
    static <T> T ask(String url, Function<RedisCommands<String, String>, T> commands) {
        RedisClient client = RedisClient.create(url);
        try (StatefulRedisConnection<String, String> connection = client.connect()) {
            return commands.apply(connection.sync());
        } finally {
            client.shutdown();
        }
    }

    /** Runs commands on each server. */
    static void with(List<String> urls, Consumer<RedisCommands<String, String>> commands) {
        urls.forEach(url -> ask(url, redis -> {
            commands.accept(redis);
            return url;
        }));
    }

    /** Returns the connections of clients, without the one that asks: lines of {@code CLIENT LIST}. */
    static List<String> connections(String url) {
        return ask(url, redis -> {
            String own = "id=" + redis.clientId() + " ";
            return redis.clientList()
                    .lines()
                    .filter(line -> !line.isBlank() && !line.startsWith(own) && !SERVER.test(line))
                    .toList();
        });
    }

    /** Sets a parameter of the servers; mending sets it back. */
    static Fault.Begin configure(List<String> urls, String parameter, String wrong, String right) {
        return () -> {
            with(urls, redis -> redis.configSet(parameter, wrong));
            return () -> with(urls, redis -> redis.configSet(parameter, right));
        };
    }

    /** Refuses scripts. */
    static Fault.Begin refuseScripts(List<String> urls, Checker checker) {
        return () -> {
            Runnable over = checker.uncoordinated();
            allow(urls, "-@scripting");
            return () -> {
                allow(urls, "+@scripting");
                over.run();
            };
        };
    }

    private static void allow(List<String> urls, String rule) {
        with(
                urls,
                redis -> redis.dispatch(
                        CommandType.ACL,
                        new StatusOutput<>(StringCodec.UTF8),
                        new CommandArgs<>(StringCodec.UTF8)
                                .add("SETUSER")
                                .add("default")
                                .add(rule)));
    }
}
