package io.usagekit.redis;

import io.lettuce.core.RedisChannelHandler;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisConnectionStateListener;
import io.lettuce.core.StatefulRedisConnectionImpl;
import io.lettuce.core.TrackingArgs;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.push.PushMessage;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.protocol.ProtocolVersion;
import io.usagekit.UsageKey;
import io.usagekit.redis.internal.Link;
import io.usagekit.redis.internal.RedisErrors;
import io.usagekit.redis.internal.ScriptSupport;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Connection on which Redis sends an invalidation message for each change of an entry that was read on it
 * (<a href="https://redis.io/docs/latest/develop/reference/client-side-caching/">client-side caching</a>, default mode). It never
 * reconnects, since Redis sends no messages on a new connection for entries that were read on the old one.
 *
 * <p>Redis sends the message of a change before it answers any later command. So once a command on this connection is answered,
 * the messages of all changes made before that command was sent have been handled. A heartbeat makes sure that there is
 * such a command; the first one is to be answered within the command timeout before anything is read, so that a network that is slower
 * costs one loss and not one a second.
 */
final class TrackingConnection {

    /** Redis doesn't track for this client, and won't until somebody changes that: the user lacks the permission, or RESP3 is missing. */
    static final class RefusedException extends RuntimeException {

        private static final long serialVersionUID = 1;

        RefusedException(String reason, @Nullable Throwable cause) {
            super(reason, cause);
        }
    }

    private final StatefulRedisConnection<String, String> connection;
    private final Link link;
    private final NearCacheContext context;
    private final TrackedServer server;
    private final RedisKeys keys;
    private final Duration commandTimeout;
    private final long epoch;
    private final TrackingValidity validity;
    private final CompletableFuture<String> ended = new CompletableFuture<>();
    private final CompletableFuture<Void> closed = new CompletableFuture<>();
    private volatile @Nullable CompletableFuture<Void> nextBeat;

    private TrackingConnection(
            StatefulRedisConnection<String, String> connection,
            NearCacheContext context,
            TrackedServer server,
            long epoch) {
        this.connection = connection;
        this.server = server;
        this.epoch = epoch;
        this.context = context;
        this.link = Link.of(connection, new ScriptSupport(context.settings().client(), server.name()));
        this.keys = context.settings().keys();
        this.commandTimeout = context.settings().commandTimeout();
        Duration validFor = context.settings().heartbeat().plus(commandTimeout);
        // Begins with the first proof.
        this.validity = new TrackingValidity(validFor, context.ticker().getAsLong() - validFor.toNanos() - 1);
    }

    /**
     * Switches tracking on for a new connection.
     *
     * @param epoch that of {@link io.usagekit.redis.internal.Failover} before the attempt to connect
     * @return completes once Redis has acknowledged tracking; if that fails the connection is closed
     */
    static CompletableFuture<TrackingConnection> begin(
            StatefulRedisConnection<String, String> connection,
            NearCacheContext context,
            TrackedServer server,
            long epoch) {
        TrackingConnection tracking = new TrackingConnection(connection, context, server, epoch);
        return tracking.acknowledged()
                .thenCompose(ok -> tracking.proven(System.nanoTime()))
                .handle((ok, error) -> {
                    if (error != null) {
                        tracking.end(reason("CLIENT TRACKING", RedisErrors.unwrap(error)));
                    }
                    if (tracking.validity.hasEnded()) {
                        String reason = tracking.ended.join();
                        throw error != null && RedisErrors.unwrap(error) instanceof RefusedException refused
                                ? new RefusedException(reason, refused)
                                : new IllegalStateException(reason);
                    }
                    tracking.scheduleBeat();
                    return tracking;
                });
    }

    /** Sends heartbeats until one is answered within the command timeout. A start may be slow: so the first one may take longer. */
    private CompletableFuture<Void> proven(long since) {
        long sent = System.nanoTime();
        return sendBeat(context.settings().connectTimeout())
                .handle((answer, error) -> error)
                .thenCompose(error -> {
                    long now = System.nanoTime();
                    if (error != null && !(RedisErrors.unwrap(error) instanceof RedisCommandExecutionException)) {
                        return CompletableFuture.failedFuture(error);
                    } else if (now - sent <= commandTimeout.toNanos()) {
                        return CompletableFuture.completedFuture(null);
                    }
                    return now - since < context.settings().connectTimeout().toNanos()
                            ? proven(since)
                            : CompletableFuture.failedFuture(new IllegalStateException(
                                    "a heartbeat took longer than commandTimeout (" + commandTimeout + ")"));
                });
    }

    private CompletableFuture<?> sendBeat(Duration timeout) {
        return answered("a heartbeat", timeout, () -> server.beat(connection));
    }

    private CompletableFuture<String> acknowledged() {
        if (connection instanceof StatefulRedisConnectionImpl<String, String> known
                && known.getConnectionState().getNegotiatedProtocolVersion() == ProtocolVersion.RESP2) {
            // Redis would answer OK and send no invalidation messages.
            return CompletableFuture.failedFuture(new RefusedException(
                    "client tracking needs RESP3, but client and server have negotiated RESP2; set ClientOptions.protocolVersion"
                            + " to RESP3",
                    null));
        }
        connection.addListener(this::handle);
        // onRedisConnected doesn't indicate a reconnect: the client may return a connection before it reports the first
        // one.
        connection.addListener(new RedisConnectionStateListener() {
            @Override
            public void onRedisDisconnected(RedisChannelHandler<?, ?> handler) {
                end("the connection was lost");
            }
        });
        return answered(
                        "CLIENT TRACKING",
                        context.settings().connectTimeout(),
                        () -> connection
                                .async()
                                .clientTracking(TrackingArgs.Builder.enabled())
                                .toCompletableFuture())
                .exceptionally(error -> {
                    Throwable cause = RedisErrors.unwrap(error);
                    throw RedisErrors.isRefusal(cause)
                            ? new RefusedException("Redis refuses to track", cause)
                            : new CompletionException(cause);
                });
    }

    /** Period in which entries read on this connection are known to be current. */
    TrackingValidity validity() {
        return validity;
    }

    /** Completes with the reason once tracking has ended. */
    CompletableFuture<String> ended() {
        return ended;
    }

    /**
     * Reads an entry; from then on Redis sends an invalidation message when it changes.
     *
     * @return fails with {@link TimeoutException} if there is no answer in time, which also ends tracking
     */
    CompletableFuture<Optional<CacheEntry>> read(UsageKey key) {
        String entry = keys.of(key);
        return answered("a read", commandTimeout, () -> context.reader().send(link, key, entry));
    }

    /** Reads several entries as {@link #read} does. */
    Map<UsageKey, CompletableFuture<Optional<CacheEntry>>> readAll(Collection<UsageKey> all) {
        return BulkRead.of(
                all,
                keys,
                context.reader(),
                entries -> link.scripts().isRefused()
                        ? readEach(entries)
                        : answered("a read", commandTimeout, () -> CacheEntry.sendAll(link, entries))
                                .exceptionallyCompose(error -> RedisErrors.isScriptRefused(error)
                                        ? readEach(entries)
                                        : CompletableFuture.failedStage(error)));
    }

    private CompletableFuture<List<Object>> readEach(List<String> entries) {
        return answered("a read", commandTimeout, () -> CacheEntry.sendEach(link, entries));
    }

    private void beat() {
        if (validity.hasEnded()) {
            return;
        }
        if (epoch < context.failover().epoch()) {
            end("the server has become a replica");
            return;
        }
        var unused = sendBeat(commandTimeout);
        scheduleBeat();
    }

    private void scheduleBeat() {
        CompletableFuture<Void> next =
                context.timeouts().after(context.settings().heartbeat().toNanos());
        nextBeat = next;
        var unused = next.thenRun(this::beat);
        if (validity.hasEnded()) {
            next.complete(null);
        }
    }

    private <T> CompletableFuture<T> answered(String what, Duration timeout, Supplier<CompletableFuture<T>> command) {
        long sent = context.ticker().getAsLong();
        CompletableFuture<T> answer;
        try {
            answer = context.timeouts().limit(command.get(), timeout);
        } catch (Throwable e) { // also an Error, after which the heartbeat would stop for good
            answer = CompletableFuture.failedFuture(e);
        }
        return answer.whenComplete((value, error) -> {
            if (error == null || RedisErrors.unwrap(error) instanceof RedisCommandExecutionException) {
                server.answered(this, sent);
            } else {
                end(reason(what, RedisErrors.unwrap(error)));
            }
        });
    }

    private void handle(PushMessage message) {
        if (!message.getType().equals("invalidate")) {
            return;
        }
        try {
            List<Object> content = message.getContent(StringCodec.UTF8::decodeKey);
            if (content.get(1) instanceof List<?> changed) {
                changed.forEach(entry -> keys.parse(String.valueOf(entry)).ifPresent(context.store()::remove));
            } else {
                context.store().clear(); // FLUSHALL, FLUSHDB
            }
        } catch (Throwable e) {
            end("an invalidation message couldn't be decoded: " + e);
        }
    }

    /** Ends tracking for good and closes the connection. Idempotent. */
    void end(String reason) {
        validity.end();
        if (!ended.complete(reason)) {
            return;
        }
        link.scripts().close();
        CompletableFuture<Void> beat = nextBeat;
        if (beat != null) {
            beat.complete(null); // and its timer with it
        }
        // Closed at once, or the client would reconnect; and only once, or the client would log a warning.
        var unused = connection.closeAsync().whenComplete((done, error) -> closed.complete(null));
    }

    /** Ends tracking; completes when the connection is closed. */
    CompletableFuture<Void> close() {
        end("closed");
        return closed;
    }

    private static String reason(String what, Throwable error) {
        return RedisErrors.isTimeout(error)
                ? what + " wasn't answered in time"
                : what + " failed: " + RedisErrors.reason(error);
    }
}
