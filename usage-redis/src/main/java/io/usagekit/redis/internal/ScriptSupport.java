package io.usagekit.redis.internal;

import io.lettuce.core.AbstractRedisClient;
import io.lettuce.core.RedisCommandExecutionException;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;

/**
 * What a server does with the scripts of this user: whether it executes them, and whether it publishes the wake-ups of those that it executes, sharded ones
 * ({@code SPUBLISH}) among them. Nodes of a cluster may differ in that. Thread-safe.
 */
public final class ScriptSupport {

    /**
     * States before a script was sent, to hand to what takes note of its outcome.
     *
     * @param refusal of the log of refused scripts
     * @param wakeUps of the log of refused wake-ups
     */
    public record States(long refusal, long wakeUps) {}

    private final String server;
    private final OutageLog refusal;
    private final OutageLog wakeUps;
    /** When a script is tried next although the last one was refused, in nanoseconds. */
    private final AtomicLong nextScript = new AtomicLong();
    /** When a sharded wake-up is tried next although one was refused, in nanoseconds. */
    private volatile long nextShardedWakeUp = System.nanoTime();

    /**
     * Creates it for a server that hasn't refused anything.
     *
     * @param client whose connections to this server log a refusal once for all of them
     * @param server its name, for messages
     */
    public ScriptSupport(AbstractRedisClient client, String server) {
        this.server = server;
        this.refusal = new OutageLog(
                client,
                server + " refuses scripts; figures are stored by plain commands, and each process computes for itself",
                server + " executes scripts again");
        this.wakeUps = new OutageLog(
                client,
                server + " refuses to publish wake-ups; loads that wait for other processes poll instead",
                server + " publishes wake-ups again");
    }

    /** Whether the last script was refused and none is to be tried at present; once a second one is. */
    public boolean isRefused() {
        return refusal.isOngoing() && !isDue();
    }

    private boolean isDue() {
        long due = nextScript.get();
        long now = System.nanoTime();
        return now - due >= 0 && nextScript.compareAndSet(due, now + Connector.RETRY_NANOS);
    }

    /** Whether wake-ups may be sharded: not for a minute after one was refused for good, as it is before Redis 7 and for a user who may not. */
    public boolean mayShardWakeUps() {
        return System.nanoTime() - nextShardedWakeUp >= 0;
    }

    /** Returns the states to hand to {@link #executed} and {@link #failed}; to be read before the script is sent. */
    public States states() {
        return new States(refusal.state(), wakeUps.state());
    }

    /** Takes note that a script was executed. One that has published a wake-up says so by the last part of its answer, a list: see {@code wake} in {@code state.lua}. */
    public void executed(States before, List<Object> answer) {
        refusal.end();
        if (answer.isEmpty() || !(answer.get(answer.size() - 1) instanceof List<?> refusals)) {
            return;
        }
        String sharded = String.valueOf(refusals.get(0));
        String published = String.valueOf(refusals.get(1));
        if (!sharded.isEmpty() && RedisErrors.isPermanent(new RedisCommandExecutionException(sharded))) {
            nextShardedWakeUp = System.nanoTime() + ShardedWakeUps.REFUSED_NANOS;
        }
        if (published.isEmpty()) {
            wakeUps.end();
        } else {
            var error = new RedisCommandExecutionException(published);
            wakeUps.begin(before.wakeUps(), RedisErrors.refused(server, error));
        }
    }

    /** Takes note that a script has failed, which may be because scripts are refused. */
    public void failed(States before, Throwable error) {
        if (RedisErrors.isScriptRefused(error)) {
            nextScript.set(System.nanoTime() + Connector.RETRY_NANOS);
            refusal.begin(before.refusal(), RedisErrors.refused(server, error));
        }
    }

    /** Forgoes the ends of refusals. */
    public void close() {
        refusal.close();
        wakeUps.close();
    }
}
