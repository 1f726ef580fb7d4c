package io.usagekit.redis;

import io.lettuce.core.RedisChannelHandler;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisCommandTimeoutException;
import io.lettuce.core.RedisConnectionStateListener;
import io.lettuce.core.StatefulRedisConnectionImpl;
import io.lettuce.core.TrackingArgs;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.push.PushMessage;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.protocol.ProtocolVersion;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * One connection on which Redis tells the changes of what was read on it
 * (<a href="https://redis.io/docs/latest/develop/reference/client-side-caching/">client-side caching</a>, default mode), for as
 * long as that connection lasts: it never reconnects, since what was read on another connection isn't told on this one.
 *
 * <p>Redis tells a change before it answers a command that comes after it. So whenever a command on this connection is
 * answered, the changes made before that command was sent have been dealt with; a PING each heartbeat sees to it that there
 * is such a command.
 */
final class TrackingConnection {

    /** What all of them have in common. */
    record Settings(
            RedisKeys keys,
            CacheEntryReader reads,
            NearStore entries,
            Duration commandTimeout,
            Duration heartbeat,
            LongSupplier ticker) {}

    private final StatefulRedisConnection<String, String> connection;
    private final Settings settings;
    private final TrackingValidity proof;
    private final CompletableFuture<String> ended = new CompletableFuture<>();
    private final CompletableFuture<Void> closed = new CompletableFuture<>();
    private volatile @Nullable CompletableFuture<Void> nextBeat;

    private TrackingConnection(StatefulRedisConnection<String, String> connection, Settings settings) {
        this.connection = connection;
        this.settings = settings;
        this.proof = new TrackingValidity(
                settings.heartbeat().plus(settings.commandTimeout()),
                settings.ticker().getAsLong());
    }

    /**
     * Has Redis tell changes on a new connection.
     *
     * @return completes once Redis has acknowledged it; if that fails the connection is closed
     */
    static CompletableFuture<TrackingConnection> begin(
            StatefulRedisConnection<String, String> connection, Settings settings) {
        TrackingConnection tracking = new TrackingConnection(connection, settings);
        return tracking.acknowledged().handle((ok, error) -> {
            if (error != null) {
                tracking.end(reason("CLIENT TRACKING", unwrap(error)));
            }
            if (tracking.proof.isOver()) {
                throw new CompletionException(new IllegalStateException(tracking.ended.join()));
            }
            tracking.beat();
            return tracking;
        });
    }

    private CompletableFuture<String> acknowledged() {
        if (connection instanceof StatefulRedisConnectionImpl<String, String> known
                && known.getConnectionState().getNegotiatedProtocolVersion() == ProtocolVersion.RESP2) {
            // Redis would say OK, and tell nothing.
            return CompletableFuture.failedFuture(
                    new IllegalStateException("it takes RESP3, and this client and server have agreed on RESP2"));
        }
        connection.addListener(this::told);
        // onRedisConnected proves no reconnect: the client may give a connection away before it tells of the first
        // time.
        connection.addListener(new RedisConnectionStateListener() {
            @Override
            public void onRedisDisconnected(RedisChannelHandler<?, ?> handler) {
                end("the connection was lost");
            }
        });
        return answered(
                "CLIENT TRACKING",
                () -> connection
                        .async()
                        .clientTracking(TrackingArgs.Builder.enabled())
                        .toCompletableFuture());
    }

    /** Under which what is read here is current. */
    TrackingValidity proof() {
        return proof;
    }

    /** Completes once this is over, with the reason. */
    CompletableFuture<String> ended() {
        return ended;
    }

    /**
     * Reads an entry, whose changes will be told from then on.
     *
     * @return fails with {@link TimeoutException} if there is no answer in time, which is the end of this as well
     */
    CompletableFuture<Optional<CacheEntry>> read(UsageKey key) {
        return answered(
                        "a read",
                        () -> CacheEntry.send(
                                connection.async(), settings.keys().of(key)))
                .thenApply(answer -> settings.reads().decode(key, answer));
    }

    private void beat() {
        if (proof.isOver()) {
            return;
        }
        var unused = answered("PING", () -> connection.async().ping().toCompletableFuture());
        CompletableFuture<Void> next = new CompletableFuture<Void>()
                .completeOnTimeout(null, settings.heartbeat().toNanos(), TimeUnit.NANOSECONDS);
        nextBeat = next;
        var unusedToo = next.thenRun(this::beat);
        if (proof.isOver()) {
            next.complete(null);
        }
    }

    private <T> CompletableFuture<T> answered(String what, Supplier<CompletableFuture<T>> command) {
        long sent = settings.ticker().getAsLong();
        CompletableFuture<T> answer;
        try {
            answer = command.get().orTimeout(settings.commandTimeout().toNanos(), TimeUnit.NANOSECONDS);
        } catch (RuntimeException e) {
            answer = CompletableFuture.failedFuture(e);
        }
        return answer.whenComplete((value, error) -> {
            if (error == null || unwrap(error) instanceof RedisCommandExecutionException) {
                proof.renew(sent);
            } else {
                end(reason(what, unwrap(error)));
            }
        });
    }

    private void told(PushMessage message) {
        if (!message.getType().equals("invalidate")) {
            return;
        }
        try {
            List<Object> content = message.getContent(StringCodec.UTF8::decodeKey);
            if (content.get(1) instanceof List<?> changed) {
                changed.forEach(
                        entry -> settings.keys().parse(String.valueOf(entry)).ifPresent(settings.entries()::remove));
            } else {
                settings.entries().clear(); // FLUSHALL, FLUSHDB
            }
        } catch (Throwable e) {
            end("a change couldn't be read: " + e);
        }
    }

    /** For good. Idempotent. */
    void end(String reason) {
        proof.end();
        if (!ended.complete(reason)) {
            return;
        }
        CompletableFuture<Void> beat = nextBeat;
        if (beat != null) {
            beat.complete(null); // and its timer with it
        }
        // At once: the client would connect it again. And once: the client logs a warning of each further time.
        var unused = connection.closeAsync().whenComplete((done, error) -> closed.complete(null));
    }

    /** Ends it, and completes when the connection is closed. */
    CompletableFuture<Void> close() {
        end("closed");
        return closed;
    }

    private static String reason(String what, Throwable error) {
        return isTimeout(error) ? what + " wasn't answered in time" : what + " failed: " + error.getMessage();
    }

    static boolean isTimeout(Throwable error) {
        return error instanceof TimeoutException || error instanceof RedisCommandTimeoutException;
    }

    static Throwable unwrap(Throwable error) {
        return error instanceof CompletionException && error.getCause() != null ? error.getCause() : error;
    }
}
