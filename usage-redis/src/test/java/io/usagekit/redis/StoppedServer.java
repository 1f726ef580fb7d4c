package io.usagekit.redis;

import io.lettuce.core.RedisClient;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Redis process that is stopped (SIGSTOP): its connections stay open, the kernel accepts new ones, and none is answered. */
record StoppedServer(String pid) implements AutoCloseable {

    private static final Pattern PROCESS_ID = Pattern.compile("process_id:(\\d+)");

    static StoppedServer of(RedisClient client) {
        String[] pid = new String[1];
        Redis.with(client, redis -> {
            Matcher id = PROCESS_ID.matcher(redis.info("server"));
            if (!id.find()) {
                throw new AssertionError("INFO has no process_id");
            }
            pid[0] = id.group(1);
        });
        StoppedServer stopped = new StoppedServer(pid[0]);
        stopped.signal("-STOP");
        return stopped;
    }

    /** Resumes the process, which then handles everything sent to it meanwhile. */
    void resume() {
        signal("-CONT");
    }

    /** Resumes the process. Idempotent; no effect if the process has been killed. */
    @Override
    public void close() {
        resume();
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
