package io.usagekit.redis.internal;

import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.output.CommandOutput;
import io.lettuce.core.output.StatusOutput;
import io.lettuce.core.protocol.AsyncCommand;
import io.lettuce.core.protocol.Command;
import io.lettuce.core.protocol.CommandArgs;
import io.lettuce.core.protocol.CommandType;
import io.lettuce.core.protocol.RedisCommand;
import java.util.ArrayList;
import java.util.List;

/**
 * Connection on which commands are sent, and what is known of its server.
 *
 * @param connection the connection
 * @param clock the server's clock
 * @param scripts what the server does with scripts
 * @param isAsking whether the server doesn't have the key's hash slot yet, but is receiving it: {@code ASKING} goes before each command
 */
public record Link(
        StatefulRedisConnection<String, String> connection,
        ServerClock clock,
        ScriptSupport scripts,
        boolean isAsking) {

    /** Returns a link of a connection by itself. */
    public static Link of(StatefulRedisConnection<String, String> connection, ScriptSupport scripts) {
        return new Link(connection, new ServerClock(), scripts, false);
    }

    /** Returns this link to a server that is receiving the key's hash slot. */
    public Link asking() {
        return new Link(connection, clock, scripts, true);
    }

    /** Returns a command, to be sent. */
    public static <T> Command<String, String, T> command(
            CommandType type, CommandOutput<String, String, T> output, CommandArgs<String, String> arguments) {
        return new Command<>(type, output, arguments);
    }

    /** Returns arguments of a command, without any. */
    public static CommandArgs<String, String> arguments() {
        return new CommandArgs<>(StringCodec.UTF8);
    }

    /** Sends a command. */
    public <T> AsyncCommand<String, String, T> send(Command<String, String, T> command) {
        AsyncCommand<String, String, T> sent = new AsyncCommand<>(command);
        send(List.of(sent));
        return sent;
    }

    /** Sends commands one directly after the other. */
    public void send(List<RedisCommand<String, String, ?>> commands) {
        List<RedisCommand<String, String, ?>> all = commands;
        if (isAsking) {
            all = new ArrayList<>();
            for (RedisCommand<String, String, ?> command : commands) {
                all.add(new Command<>(CommandType.ASKING, new StatusOutput<>(StringCodec.UTF8)));
                all.add(command);
            }
        }
        if (all.size() == 1) {
            connection.dispatch(all.get(0));
        } else {
            connection.dispatch(all);
        }
    }
}
