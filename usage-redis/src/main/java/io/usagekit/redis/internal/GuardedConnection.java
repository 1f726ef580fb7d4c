package io.usagekit.redis.internal;

import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.api.StatefulRedisConnection;
import io.usagekit.UsageCacheException;
import java.time.Duration;
import java.util.EnumMap;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * Connection to a server that fails fast. A command is answered within the command timeout or fails; it fails at once while there is
 * no connection. After a timeout every command fails at once until a PING sent behind the timed-out command has been answered in time, on
 * this connection or on the one that replaces it ({@link LivenessProbe}). So commands don't pile up and none is queued for later: a write
 * executed after an outage would replace a newer figure by an older one, and make that one look younger than it is. Commands in flight on
 * a connection that is replaced fail as all do during an outage.
 */
public final class GuardedConnection {

    /** Purpose of a command. Redis may refuse some purposes and serve others, e.g. when its memory is full. */
    public enum Purpose {
        READ("return", "restates", false),
        STORE("store", "stores", true),
        INDEX("index", "indexes", true),
        LEASE("lease computations of", "leases computations of", true),
        DELETE("delete", "deletes", true),
        LOCATE("locate", "locates", false);

        private final String infinitive;
        private final String present;
        private final boolean writes;

        Purpose(String infinitive, String present, boolean writes) {
            this.infinitive = infinitive;
            this.present = present;
            this.writes = writes;
        }

        private OutageLog outageLog(String server) {
            return new OutageLog(
                    server + " refuses to " + infinitive + " usage figures",
                    server + " " + present + " usage figures again");
        }
    }

    /** States of the outage logs when a command was sent, and the time that it had. */
    private record States(long unavailable, OutageLog refusal, long refused, Duration limit) {}

    private static final CompletableFuture<Void> STARTED = CompletableFuture.completedFuture(null);

    /** How long the log's line of an outage is put off until its reason is known, beyond the command timeout. */
    private static final Duration DIAGNOSIS_PATIENCE = Duration.ofSeconds(1);

    private final Server server;
    private final ServerClock clock = new ServerClock();
    private final ScriptSupport scripts;
    private final Connector<StatefulRedisConnection<String, String>> connector;
    private final Duration commandTimeout;
    private final Timeouts timeouts;
    private final Deadlines deadlines;
    private final LivenessProbe<StatefulRedisConnection<String, String>> liveness;
    private final Failover failover;
    private final OutageLog unavailability;
    private final Map<Purpose, OutageLog> refusals = new EnumMap<>(Purpose.class);
    /** That of the latest connection. */
    private volatile @Nullable Link link;

    private volatile CompletableFuture<?> first = CompletableFuture.completedFuture(null);
    private volatile boolean closed;

    public GuardedConnection(Server server, Duration commandTimeout, ConnectionAttempt.Limits limits) {
        this.server = server;
        this.timeouts = Timeouts.of(server.client());
        this.deadlines = new Deadlines(timeouts, commandTimeout);
        this.failover = server.failover();
        this.connector =
                new Connector<>(() -> withoutLongTimeout(server.connect().get()), failover, limits);
        this.liveness = new LivenessProbe<>(connector, commandTimeout, timeouts, this::answered, () -> {});
        this.commandTimeout = commandTimeout;
        this.scripts = new ScriptSupport(server.client(), server.name());
        this.unavailability = new OutageLog(
                server.client(),
                server.name() + " is unavailable; usage figures are served without it until it answers",
                server.name() + " answers again");
        for (Purpose purpose : Purpose.values()) {
            refusals.put(purpose, purpose.outageLog(server.name()));
        }
    }

    /** Switches off a timeout of the client's that is longer: Lettuce would set a timer for each command. */
    private StatefulRedisConnection<String, String> withoutLongTimeout(StatefulRedisConnection<String, String> made) {
        if (made.getTimeout().compareTo(commandTimeout) >= 0) {
            made.setTimeout(Duration.ZERO);
        }
        return made;
    }

    /**
     * Makes the first attempt to connect, and a first command, whose classes take their time to load; waits for their end, but no
     * longer than this.
     *
     * @throws IllegalArgumentException if the client was created without an address
     */
    public void open(Duration wait) {
        await(greet(), wait, System.nanoTime());
    }

    /** Makes the first attempt to connect, and a first command, as {@link #open} does; for {@link #await}. */
    CompletableFuture<?> greet() {
        return connector.attempt().thenCompose(GuardedConnection::ping);
    }

    /** Waits for {@link #greet} until this time has passed since then, in nanoseconds. */
    void await(CompletableFuture<?> greeting, Duration wait, long since) {
        long state = unavailability.state();
        try {
            greeting.get(wait.toNanos() - (System.nanoTime() - since), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException e) {
            unavailability.begin(
                    state,
                    "no connection within " + wait
                            + " (connectTimeout); a server that expects no TLS on this port waits"
                            + " like that, and a firewall that drops packets");
        } catch (ExecutionException e) {
            Throwable error = RedisErrors.unwrap(e);
            if (RedisErrors.isWithoutAddress(error)) {
                throw new IllegalArgumentException(
                        "client has no address to connect to: create it with RedisClient.create(RedisURI) or"
                                + " RedisClient.create(\"redis://host:6379\"), not with RedisClient.create()",
                        error);
            }
            unavailability.begin(state, RedisErrors.of(noConnection(), error));
        }
    }

    /** Makes the first attempt to connect, without waiting for its end. */
    void start() {
        first = connector.attempt();
    }

    /** Completes with the first attempt to connect, however it ends, and after this time at the latest. */
    CompletableFuture<Void> started(Duration limit) {
        return first.isDone()
                ? STARTED
                : timeouts.limit(first.<Void>handle((connection, error) -> null), limit)
                        .exceptionally(timeout -> null);
    }

    /** Whether there is a connection; makes an attempt to connect if there is none. */
    boolean isConnected() {
        StatefulRedisConnection<String, String> connection = connector.connection();
        return connection != null && connection.isOpen();
    }

    /** Sends a PING. Any answer will do: a user may lack the permission. */
    private static CompletionStage<?> ping(StatefulRedisConnection<String, String> connection) {
        return connection.async().ping().exceptionally(error -> {
            if (RedisErrors.unwrap(error) instanceof RedisCommandExecutionException) {
                return "";
            }
            throw new CompletionException(RedisErrors.unwrap(error));
        });
    }

    /** Sends commands as {@link #dispatch(Purpose, Predicate, Function, Duration)} does, within the command timeout. */
    public <T> CompletionStage<T> dispatch(
            Purpose purpose, Predicate<T> served, Function<Link, CompletableFuture<T>> commands) {
        return dispatch(purpose, served, commands, commandTimeout);
    }

    /**
     * Sends commands that are answered together.
     *
     * @param served whether an answer shows that the server serves this purpose, e.g. because it has written
     * @param limit how long they may take: the command timeout, or what is left of it. That a server doesn't answer in less than half of the
     *     command timeout isn't taken for an outage
     * @return fails with {@link UsageCacheException}
     */
    <T> CompletionStage<T> dispatch(
            Purpose purpose, Predicate<T> served, Function<Link, CompletableFuture<T>> commands, Duration limit) {
        OutageLog refusal = Objects.requireNonNull(refusals.get(purpose));
        States states = new States(unavailability.state(), refusal, refusal.state(), limit);
        StatefulRedisConnection<String, String> connection = connector.connection();
        if (connection == null || !connection.isOpen()) {
            return CompletableFuture.failedFuture(notConnected(states));
        }
        if (liveness.isPending(connection)) {
            return CompletableFuture.failedFuture(unavailable(
                    states,
                    server.name() + " didn't answer an earlier command within commandTimeout (" + commandTimeout
                            + "), nor the PING after it so far",
                    null));
        }
        if (limit.isZero() || limit.isNegative()) {
            return CompletableFuture.failedFuture(new UsageCacheException(
                    "commandTimeout (" + commandTimeout + ") had passed before the command could be sent to "
                            + server.name(),
                    null));
        }
        CompletableFuture<T> answer;
        try {
            answer = commands.apply(link(connection));
        } catch (RuntimeException e) {
            return CompletableFuture.failedFuture(failed(states, connection, e));
        }
        // The timeout completes the command's own future, and Lettuce doesn't send a completed command.
        if (limit.equals(commandTimeout)) {
            deadlines.add(answer);
        } else {
            var unused = timeouts.limit(answer, limit);
        }
        return answer.handle((value, error) -> {
            deadlines.removeCompleted();
            if (error != null) {
                throw failed(states, connection, RedisErrors.unwrap(error));
            }
            answered(connection);
            if (served.test(value)) {
                refusal.end();
                if (purpose.writes) {
                    failover.writable();
                }
            }
            return value;
        });
    }

    private Link link(StatefulRedisConnection<String, String> connection) {
        Link last = link;
        if (last == null || last.connection() != connection) {
            last = new Link(connection, clock, scripts, false);
            link = last;
        }
        return last;
    }

    private String noConnection() {
        return "there is no connection to " + server.name();
    }

    /** Completes when the attempt in progress has, or the next one: with its failure as the reason, if it fails. */
    private CompletableFuture<Void> rootCause() {
        return timeouts.limit(connector.nextAttempt(timeouts).copy(), commandTimeout.plus(DIAGNOSIS_PATIENCE))
                .handle((made, cause) -> {
                    Throwable found = cause == null ? null : RedisErrors.unwrap(cause);
                    if (found == null || found instanceof TimeoutException) {
                        return null;
                    }
                    throw RedisErrors.of(noConnection(), found);
                });
    }

    /** Where a connection was lost, the outage is logged once the reason is known. */
    private UsageCacheException notConnected(States states) {
        if (closed) {
            return new UsageCacheException(noConnection(), null);
        }
        UsageCacheException error = RedisErrors.of(noConnection(), connector.lastFailure());
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
            UsageCacheException refused = RedisErrors.refused(server.name(), error);
            answered(connection);
            if (!RedisErrors.isScriptRefused(error)
                    && !RedisErrors.isCrossSlot(error)
                    && !(server.isNode() && Redirection.isIn(error))) {
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
        if (RedisErrors.isTimeout(error)) {
            if (states.limit().multipliedBy(2).compareTo(commandTimeout) < 0) {
                return new UsageCacheException(noAnswer(states), error);
            }
            liveness.start(connection);
            return unavailable(states, noAnswer(states), error);
        }
        return unavailable(states, RedisErrors.of("the command to " + server.name() + " failed", error));
    }

    private String noAnswer(States states) {
        return server.name() + " didn't answer within "
                + (states.limit().equals(commandTimeout)
                        ? ""
                        : states.limit() + ", what connecting and redirections left of ")
                + "commandTimeout (" + commandTimeout + ")";
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

    /** Whether the server refuses scripts, so that none is to be sent at present. */
    boolean refusesScripts() {
        return scripts.isRefused();
    }

    /** How long a command may take. */
    public Duration commandTimeout() {
        return commandTimeout;
    }

    /** Whether Redis was reachable when it was last called; tries nothing by itself. */
    public boolean isAvailable() {
        return !closed && !unavailability.isOngoing();
    }

    /** Closes the connection to a node that has no part in its cluster any more; doesn't wait. */
    void retire() {
        closed = true;
        unavailability.leave(server.name() + " has no part in its cluster any more");
        scripts.close();
        var unused = connector.retire();
    }

    /** Closes the connection, which the future waits for. Idempotent. */
    CompletableFuture<Void> closing() {
        if (closed) {
            return CompletableFuture.completedFuture(null); // closing a connection twice makes the client log a warning
        }
        closed = true;
        unavailability.close();
        scripts.close();
        return connector.retire();
    }

    public void close() {
        Connector.await(closing());
    }
}
