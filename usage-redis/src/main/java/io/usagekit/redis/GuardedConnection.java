package io.usagekit.redis;

import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisCommandTimeoutException;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.async.RedisAsyncCommands;
import io.lettuce.core.codec.StringCodec;
import io.usagekit.UsageCacheException;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Connection to Redis that fails fast. A command is answered within the command timeout or fails; it fails at once while there is
 * no connection. After a timeout every command fails at once until a PING sent behind the timed-out command has been answered in time, on
 * this connection or on the one that replaces it ({@link LivenessProbe}). So commands don't pile up and none is queued for later: a write
 * executed after an outage would replace a newer figure by an older one, and make that one look younger than it is. Commands in flight on
 * a connection that is replaced fail as all do during an outage.
 */
final class GuardedConnection {

    /** Purpose of a command. Redis may refuse some purposes and serve others, e.g. when its memory is full. */
    enum Purpose {
        READ("return", "restates"),
        STORE("store", "stores"),
        INDEX("index", "indexes"),
        LEASE("lease computations of", "leases computations of"),
        DELETE("delete", "deletes");

        private final String infinitive;
        private final String present;

        Purpose(String infinitive, String present) {
            this.infinitive = infinitive;
            this.present = present;
        }

        private OutageLog outageLog() {
            return new OutageLog(
                    "Redis refuses to " + infinitive + " usage figures", "Redis " + present + " usage figures again");
        }
    }

    /** States of the outage logs when a command was sent. */
    private record States(long unavailable, OutageLog refusal, long refused) {}

    private static final String NO_CONNECTION = "there is no connection to Redis";

    /** How long the log's line of an outage is put off until its reason is known, beyond the command timeout. */
    private static final Duration DIAGNOSIS_PATIENCE = Duration.ofSeconds(1);

    private final RedisClient client;
    private final Connector<StatefulRedisConnection<String, String>> connector;
    private final Duration commandTimeout;
    private final Timeouts timeouts;
    private final LivenessProbe<StatefulRedisConnection<String, String>> liveness;
    private final Failover failover;
    private final OutageLog unavailability;
    private final OutageLog wakeUps;
    private final OutageLog scripts;
    /** When a script is tried next although the last one was refused, in nanoseconds. */
    private final AtomicLong nextScript = new AtomicLong();

    private final Map<Purpose, OutageLog> refusals = new EnumMap<>(Purpose.class);
    private volatile boolean closed;

    GuardedConnection(RedisClient client, Duration commandTimeout, ConnectionAttempt.Limits limits) {
        this.client = client;
        this.timeouts = Timeouts.of(client);
        this.failover = Failover.of(client);
        this.connector = new Connector<>(() -> client.connect(StringCodec.UTF8), failover, limits);
        this.liveness = new LivenessProbe<>(connector, commandTimeout, timeouts, this::answered, () -> {});
        this.commandTimeout = commandTimeout;
        this.unavailability = new OutageLog(
                client,
                "Redis is unavailable; usage figures are served without it until it answers",
                "Redis answers again");
        this.wakeUps = new OutageLog(
                client,
                "Redis refuses to publish wake-ups; loads that wait for other processes poll instead",
                "Redis publishes wake-ups again");
        this.scripts = new OutageLog(
                client,
                "Redis refuses scripts; figures are stored by plain commands, and each process computes for itself",
                "Redis executes scripts again");
        for (Purpose purpose : Purpose.values()) {
            refusals.put(purpose, purpose.outageLog());
        }
    }

    /**
     * Makes the first attempt to connect, and a first command, whose classes take their time to load; waits for their end, but no
     * longer than this.
     *
     * @throws IllegalArgumentException if the client was created without an address
     */
    void open(Duration wait) {
        long state = unavailability.state();
        try {
            connector.attempt().thenCompose(GuardedConnection::ping).get(wait.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException e) {
            unavailability.begin(
                    state,
                    "no connection within " + wait
                            + " (connectTimeout); a server that expects no TLS on this port waits"
                            + " like that, and a firewall that drops packets");
        } catch (ExecutionException e) {
            Throwable error = unwrap(e);
            if (RedisErrors.isWithoutAddress(error)) {
                throw new IllegalArgumentException(
                        "client has no address to connect to: create it with RedisClient.create(RedisURI) or"
                                + " RedisClient.create(\"redis://host:6379\"), not with RedisClient.create()",
                        error);
            }
            unavailability.begin(state, RedisErrors.of(NO_CONNECTION, error));
        }
    }

    /** Sends a PING. Any answer will do: a user may lack the permission. */
    private static CompletionStage<?> ping(StatefulRedisConnection<String, String> connection) {
        return connection.async().ping().exceptionally(error -> {
            if (unwrap(error) instanceof RedisCommandExecutionException) {
                return "";
            }
            throw new CompletionException(unwrap(error));
        });
    }

    /**
     * Sends a command.
     *
     * @return fails with {@link UsageCacheException}
     */
    <T> CompletionStage<T> send(
            Purpose purpose, Function<RedisAsyncCommands<String, String>, CompletableFuture<T>> command) {
        return send(purpose, answer -> true, command);
    }

    /**
     * Sends a command.
     *
     * @param served whether an answer shows that Redis serves this purpose, e.g. because it has written
     * @return fails with {@link UsageCacheException}
     */
    <T> CompletionStage<T> send(
            Purpose purpose,
            Predicate<T> served,
            Function<RedisAsyncCommands<String, String>, CompletableFuture<T>> command) {
        return dispatch(purpose, served, connection -> command.apply(connection.async()));
    }

    /**
     * Runs a script.
     *
     * @param served whether an answer shows that Redis serves this purpose, e.g. because it has written
     * @return fails with {@link UsageCacheException}
     */
    CompletionStage<List<Object>> run(
            Purpose purpose, Predicate<List<Object>> served, Script script, List<String> keys, String... arguments) {
        long wakeUpsBefore = wakeUps.state();
        long scriptsBefore = scripts.state();
        return send(purpose, served, redis -> script.run(redis, keys, arguments))
                .whenComplete((answer, error) -> {
                    if (error == null) {
                        scripts.end();
                        noteWakeUp(wakeUpsBefore, answer);
                    } else if (unwrap(error) instanceof UsageCacheException refused
                            && RedisErrors.isScriptRefused(refused)) {
                        scripts.begin(scriptsBefore, refused);
                    }
                });
    }

    /**
     * Takes a step by scripts, or by plain commands where Redis refuses scripts; tries scripts again once a second.
     *
     * @param byScripts whose failure says whether a script was refused
     */
    <T> CompletionStage<T> scripted(Supplier<CompletionStage<T>> byScripts, Supplier<CompletionStage<T>> plainly) {
        if (scripts.isOngoing() && !isScriptDue()) {
            return plainly.get();
        }
        return byScripts.get().exceptionallyCompose(error -> {
            if (!RedisErrors.isScriptRefused(error)) {
                return CompletableFuture.failedStage(error);
            }
            nextScript.set(System.nanoTime() + Connector.RETRY_NANOS);
            return plainly.get();
        });
    }

    private boolean isScriptDue() {
        long due = nextScript.get();
        long now = System.nanoTime();
        return now - due >= 0 && nextScript.compareAndSet(due, now + Connector.RETRY_NANOS);
    }

    /** A script that has published a wake-up says so by the last part of its answer, a list: see {@code wake} in {@code state.lua}. */
    private void noteWakeUp(long state, List<Object> answer) {
        if (answer.isEmpty() || !(answer.get(answer.size() - 1) instanceof List<?> refusal)) {
            return;
        }
        if (refusal.isEmpty()) {
            wakeUps.end();
        } else {
            wakeUps.begin(
                    state,
                    RedisErrors.of(
                            "Redis refused the command",
                            new RedisCommandExecutionException(String.valueOf(refusal.get(0)))));
        }
    }

    /**
     * Sends several commands that are answered together.
     *
     * @return fails with {@link UsageCacheException}
     */
    <T> CompletionStage<T> dispatch(
            Purpose purpose,
            Predicate<T> served,
            Function<StatefulRedisConnection<String, String>, CompletableFuture<T>> commands) {
        OutageLog refusal = Objects.requireNonNull(refusals.get(purpose));
        States states = new States(unavailability.state(), refusal, refusal.state());
        StatefulRedisConnection<String, String> connection = connector.connection();
        if (connection == null || !connection.isOpen()) {
            return CompletableFuture.failedFuture(notConnected(states));
        }
        if (liveness.isPending(connection)) {
            return CompletableFuture.failedFuture(unavailable(
                    states,
                    "Redis didn't answer an earlier command within commandTimeout (" + commandTimeout
                            + "), nor the PING after it so far",
                    null));
        }
        CompletableFuture<T> answer;
        try {
            answer = commands.apply(connection);
        } catch (RuntimeException e) {
            return CompletableFuture.failedFuture(failed(states, connection, e));
        }
        // The timeout completes the command's own future, and Lettuce doesn't send a completed command.
        return timeouts.limit(answer, commandTimeout).handle((value, error) -> {
            if (error != null) {
                throw failed(states, connection, unwrap(error));
            }
            answered(connection);
            if (served.test(value)) {
                refusal.end();
                if (purpose != Purpose.READ) {
                    failover.writable();
                }
            }
            return value;
        });
    }

    private static Throwable unwrap(Throwable error) {
        return (error instanceof CompletionException || error instanceof ExecutionException) && error.getCause() != null
                ? unwrap(error.getCause())
                : error;
    }

    /** Completes when the attempt in progress has, or the next one: with its failure as the reason, if it fails. */
    private CompletableFuture<Void> rootCause() {
        return timeouts.limit(connector.nextAttempt(timeouts).copy(), commandTimeout.plus(DIAGNOSIS_PATIENCE))
                .handle((made, cause) -> {
                    Throwable found = cause == null ? null : unwrap(cause);
                    if (found == null || found instanceof TimeoutException) {
                        return null;
                    }
                    throw RedisErrors.of(NO_CONNECTION, found);
                });
    }

    /** Where a connection was lost, the outage is logged once the reason is known. */
    private UsageCacheException notConnected(States states) {
        if (closed) {
            return new UsageCacheException(NO_CONNECTION, null);
        }
        UsageCacheException error = RedisErrors.of(NO_CONNECTION, connector.lastFailure());
        if (unavailability.isOngoing()) {
            unavailability.begin(states.unavailable(), error);
        } else {
            unavailability.begin(states.unavailable(), error, rootCause());
        }
        return error;
    }

    private UsageCacheException failed(
            States states, StatefulRedisConnection<String, String> connection, Throwable error) {
        if (error instanceof RedisCommandExecutionException) {
            UsageCacheException refused = RedisErrors.of("Redis refused the command", error);
            answered(connection);
            if (!RedisErrors.isScriptRefused(error)) {
                states.refusal().begin(states.refused(), refused);
            }
            if (RedisErrors.isReadOnly(error)) {
                connector.readOnly(connection);
            }
            return refused;
        }
        if (!connection.isOpen()) {
            return notConnected(states);
        }
        if (error instanceof TimeoutException || error instanceof RedisCommandTimeoutException) {
            liveness.start(connection);
            return unavailable(states, "Redis didn't answer within commandTimeout (" + commandTimeout + ")", error);
        }
        return unavailable(states, RedisErrors.of("the command to Redis failed", error));
    }

    private UsageCacheException unavailable(States states, String message, @Nullable Throwable cause) {
        return unavailable(states, new UsageCacheException(message, cause));
    }

    private UsageCacheException unavailable(States states, UsageCacheException error) {
        if (!closed) {
            unavailability.begin(states.unavailable(), error);
        }
        return error;
    }

    /**
     * Ends the outage, unless calls go on failing: until a connection that is lost is open again, and until the PING behind a
     * timed-out command is answered. Commands that were sent before may be answered meanwhile.
     */
    private void answered(StatefulRedisConnection<String, String> connection) {
        long state = unavailability.state(); // before the probe, which starts before its outage begins
        if (connection.isOpen() && !liveness.isPending(connection)) {
            liveness.answered();
            unavailability.end(state);
        }
    }

    /** How long a command may take. */
    Duration commandTimeout() {
        return commandTimeout;
    }

    /** Whether both lead to the same server and database. */
    boolean isOfSameClient(GuardedConnection other) {
        return client == other.client;
    }

    /** Whether Redis was reachable when it was last called; tries nothing by itself. */
    boolean isAvailable() {
        return !closed && !unavailability.isOngoing();
    }

    void close() {
        if (closed) {
            return; // closing a connection twice makes the client log a warning
        }
        closed = true;
        unavailability.close();
        connector.close();
    }
}
