package io.usagekit.redis;

import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.sync.RedisCommands;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** What clients send to a server, as {@code MONITOR} shows it. Not thread-safe. */
final class CommandMonitor implements AutoCloseable {

    /** What connections send to prove that they work or to find keys, and clients when they connect. */
    private static final Set<String> OTHERS = Set.of("PING", "HELLO", "CLIENT", "SELECT", "SUBSCRIBE", "CLUSTER");

    private static final Duration PATIENCE = Duration.ofSeconds(30);

    /** A command of a client; one of a script has {@code lua} in the address's place. */
    private static final Pattern SENT = Pattern.compile("\\+[0-9.]+ \\[\\d+ [^ \\]]+:\\d+\\] \"(\\w+)\".*");

    private final RedisClient client;
    private final Socket socket;
    private final BufferedReader lines;

    CommandMonitor(RedisClient client, String url) {
        this.client = client;
        RedisURI address = RedisURI.create(url);
        try {
            socket = new Socket(address.getHost(), address.getPort());
            socket.setSoTimeout((int) PATIENCE.toMillis());
            lines = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
            socket.getOutputStream().write("MONITOR\r\n".getBytes(StandardCharsets.UTF_8));
            if (!"+OK".equals(lines.readLine())) {
                throw new IllegalStateException("the server doesn't monitor");
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Returns the names of the commands that were sent since the last call. */
    List<String> sent() {
        String end = UUID.randomUUID().toString();
        Redis.with(client, (RedisCommands<String, String> redis) -> redis.echo(end));
        List<String> sent = new ArrayList<>();
        try {
            for (String line = lines.readLine(); !line.contains(end); line = lines.readLine()) {
                Matcher command = SENT.matcher(line);
                if (command.matches()) {
                    sent.add(command.group(1).toUpperCase(Locale.ROOT));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        sent.removeIf(OTHERS::contains);
        return sent;
    }

    @Override
    public void close() {
        try {
            socket.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
