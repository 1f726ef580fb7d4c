package io.usagekit.redis;

import io.lettuce.core.RedisClient;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** A server that is stopped (SIGSTOP): its connections stay, the kernel accepts new ones, and nobody answers. */
record StoppedServer(String pid) implements AutoCloseable {

    private static final Pattern PROCESS_ID = Pattern.compile("process_id:(\\d+)");

    static StoppedServer of(RedisClient client) {
        String[] pid = new String[1];
        Redis.with(client, redis -> {
            Matcher id = PROCESS_ID.matcher(redis.info("server"));
            if (!id.find()) {
                throw new AssertionError("the server doesn't tell its process id");
            }
            pid[0] = id.group(1);
        });
        StoppedServer hang = new StoppedServer(pid[0]);
        hang.signal("-STOP");
        return hang;
    }

    /** It goes on, with all that was sent to it meanwhile. */
    void end() {
        signal("-CONT");
    }

    /** {@link #end()}: harmless if it has ended already, or the server has been killed. */
    @Override
    public void close() {
        end();
    }

    private void signal(String signal) {
        try {
            new ProcessBuilder("kill", signal, pid)
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start()
                    .onExit()
                    .join();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
