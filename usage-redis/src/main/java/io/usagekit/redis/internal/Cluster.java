package io.usagekit.redis.internal;

import io.lettuce.core.AbstractRedisClient;
import io.lettuce.core.RedisClient;
import io.lettuce.core.RedisURI;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.cluster.RedisClusterClient;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.pubsub.StatefulRedisPubSubConnection;
import io.usagekit.UsageCacheException;
import io.usagekit.redis.internal.GuardedConnection.Purpose;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A guarded connection to each master of a cluster. A command is sent to the master of its key's hash slot, and follows what nodes reply
 * while slots move. Which master has which slot is asked of all masters, or of the client's own addresses where none answers: at the start, and
 * at most once a second when a node redirects or fails. So the outage of a node is one of its slots, until another node has them.
 */
public final class Cluster implements Connections {

    private static final long REFRESH_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** Redirections that are followed at once; the slot is on its way then. */
    private static final int FAST_REDIRECTIONS = 3;

    private static final Duration REDIRECTION_PAUSE = Duration.ofMillis(20);
    private static final Duration SHUTDOWN_LIMIT = Duration.ofSeconds(2);

    /** Commands of a key, with the time until which they are redirected and answered, in nanoseconds. */
    private record Request<T>(
            String key,
            Purpose purpose,
            Predicate<T> served,
            Function<Link, CompletableFuture<T>> commands,
            long until) {

        Duration left() {
            return Duration.ofNanos(until - System.nanoTime());
        }
    }

    private final RedisClusterClient client;
    private final RedisClient nodes;
    private final List<RedisURI> seeds;
    private final Duration commandTimeout;
    private final ConnectionAttempt.Limits limits;
    private final Timeouts timeouts;
    private final Map<String, GuardedConnection> connections = new ConcurrentHashMap<>();
    /** Nodes of the connections for publications. */
    private final Map<StatefulRedisPubSubConnection<String, String>, String> subscribed = new ConcurrentHashMap<>();

    private final OutageLog coverage;
    private final AtomicBoolean refreshing = new AtomicBoolean();
    private final AtomicInteger subscriptions = new AtomicInteger();
    private volatile Runnable observer = () -> {};
    private final ClusterViews seen;

    private volatile long refreshed = System.nanoTime() - REFRESH_NANOS;
    private volatile long unserved = System.nanoTime() - REFRESH_NANOS;
    private volatile boolean closed;

    /** Creates it without a connection. */
    public Cluster(RedisClusterClient client, Duration commandTimeout, ConnectionAttempt.Limits limits) {
        this.client = client;
        this.seeds = ClusterAddresses.of(client);
        this.seen = new ClusterViews(seedAddresses());
        this.nodes = RedisClient.create(client.getResources());
        nodes.setOptions(client.getOptions());
        this.commandTimeout = commandTimeout;
        this.limits = limits;
        this.timeouts = Timeouts.of(client);
        this.coverage = new OutageLog(
                client,
                "hash slots of the Redis Cluster aren't served; their usage figures are served without it until they are",
                "all hash slots of the Redis Cluster are served again");
    }

    @Override
    public void open(Duration wait) {
        long began = System.nanoTime();
        try {
            // The other half is for the masters that aren't among the client's addresses.
            var unused = refresh(wait.dividedBy(2)).get(wait.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException | ExecutionException e) {
            // Said below.
        }
        Topology known = topology();
        if (known == null) {
            coverage.begin(coverage.state(), "no node has answered within " + wait + " (connectTimeout)");
            return;
        }
        Map<GuardedConnection, CompletableFuture<?>> greetings = new HashMap<>();
        known.masters().stream().map(this::connection).forEach(node -> greetings.put(node, node.greet()));
        greetings.forEach((node, greeting) -> node.await(greeting, wait, began));
    }

    private GuardedConnection connection(String address) {
        GuardedConnection known = connections.get(address);
        return known != null ? known : connections.computeIfAbsent(address, this::connect);
    }

    private GuardedConnection connect(String address) {
        GuardedConnection connection =
                new GuardedConnection(Server.node(client, nodes, uri(address)), commandTimeout, limits);
        connection.start();
        return connection;
    }

    /** Returns how to connect to a node: its address, and all else as the client's own addresses say. */
    private RedisURI uri(String address) {
        int port = address.lastIndexOf(':');
        return RedisURI.builder(seeds.get(0))
                .withHost(address.substring(0, port))
                .withPort(Integer.parseInt(address.substring(port + 1)))
                .build();
    }

    @Override
    public <T> CompletionStage<T> dispatch(
            String key, Purpose purpose, Predicate<T> served, Function<Link, CompletableFuture<T>> commands) {
        return send(new Request<>(key, purpose, served, commands, System.nanoTime() + commandTimeout.toNanos()), 0);
    }

    private @Nullable String owner(String key) {
        Topology known = topology();
        return known == null ? null : known.owner(key);
    }

    private <T> CompletionStage<T> send(Request<T> request, int redirections) {
        String owner = owner(request.key());
        if (owner == null) {
            return CompletableFuture.failedFuture(unserved(new UsageCacheException(
                    topology() == null
                            ? "no node of the Redis Cluster has answered so far"
                            : "no node of the Redis Cluster has the hash slot of " + request.key(),
                    null)));
        }
        return send(request, owner, false, redirections);
    }

    private <T> CompletionStage<T> send(Request<T> request, String address, boolean isAsking, int redirections) {
        GuardedConnection node = connection(address);
        CompletableFuture<Void> started = node.started(request.left());
        return started.isDone() && redirections == 0
                ? sendTo(node, request, address, isAsking, redirections, commandTimeout)
                : started.thenCompose(done -> sendTo(node, request, address, isAsking, redirections, request.left()));
    }

    private <T> CompletionStage<T> sendTo(
            GuardedConnection node,
            Request<T> request,
            String address,
            boolean isAsking,
            int redirections,
            Duration limit) {
        Function<Link, CompletableFuture<T>> commands =
                isAsking ? link -> request.commands().apply(link.asking()) : request.commands();
        return node.dispatch(request.purpose(), request.served(), commands, limit)
                .thenApply(answer -> {
                    if (coverage.isOngoing()) {
                        refreshSoon(); // which may end the outage
                    }
                    return answer;
                })
                .exceptionallyCompose(error -> failed(request, address, redirections, RedisErrors.unwrap(error)));
    }

    private <T> CompletionStage<T> failed(Request<T> request, String address, int redirections, Throwable error) {
        Optional<Redirection> reply = Redirection.of(error);
        if (reply.isEmpty()) {
            refreshSoon();
            return CompletableFuture.failedFuture(error);
        }
        Redirection.Kind kind = reply.get().kind();
        if (kind != Redirection.Kind.ASK) {
            refreshSoon();
        }
        if (kind == Redirection.Kind.CLUSTERDOWN || request.left().isNegative()) {
            return CompletableFuture.failedFuture(unserved((UsageCacheException) error));
        }
        if (kind == Redirection.Kind.TRYAGAIN) {
            return pause().thenCompose(paused -> send(request, redirections + 1));
        }
        Optional<String> other = reply.get().addressSeenFrom(address);
        if (other.isEmpty()) {
            return CompletableFuture.failedFuture(error);
        }
        boolean isAsking = kind == Redirection.Kind.ASK;
        return redirections < FAST_REDIRECTIONS
                ? send(request, other.get(), isAsking, redirections + 1)
                : pause().thenCompose(paused -> send(request, other.get(), isAsking, redirections + 1));
    }

    /** Returns a future that completes after a pause, and at once if the client is shut down: then the next attempt fails. */
    private CompletableFuture<Void> pause() {
        return timeouts.limit(new CompletableFuture<Void>(), REDIRECTION_PAUSE).exceptionally(due -> null);
    }

    private UsageCacheException unserved(UsageCacheException error) {
        unserved = System.nanoTime();
        refreshSoon();
        if (!closed) {
            coverage.begin(coverage.state(), error);
        }
        return error;
    }

    /** Asks which master has which slot, unless that was asked within a second. */
    public void refreshSoon() {
        if (!closed && System.nanoTime() - refreshed >= REFRESH_NANOS) {
            var unused = refresh(commandTimeout);
        }
    }

    /** Asks which master has which slot; each node that isn't connected yet has this time to be. */
    private CompletableFuture<Void> refresh(Duration patience) {
        if (!refreshing.compareAndSet(false, true)) {
            return CompletableFuture.completedFuture(null);
        }
        long began = System.nanoTime();
        refreshed = began;
        Topology known = topology();
        Set<String> first = new HashSet<>(known == null ? Set.of() : known.masters());
        if (known == null || !known.isCovered()) {
            first.addAll(seedAddresses()); // which may lead to nodes that the masters don't know
        }
        return CompletableFuture.completedFuture(first)
                .thenCompose(addresses -> views(addresses, patience))
                .thenCompose(views -> install(views, began) || first.containsAll(seedAddresses())
                        ? CompletableFuture.completedFuture(null)
                        : views(seedAddresses(), patience).thenAccept(more -> install(more, began)))
                .whenComplete((done, error) -> refreshing.set(false));
    }

    private Set<String> seedAddresses() {
        return seeds.stream().map(Topology::address).collect(Collectors.toSet());
    }

    /** Returns what those that answer see, by address. */
    private CompletableFuture<Map<String, NodeView>> views(Set<String> addresses, Duration patience) {
        Map<String, CompletableFuture<Optional<NodeView>>> views =
                addresses.stream().collect(Collectors.toMap(address -> address, address -> view(address, patience)));
        return CompletableFuture.allOf(views.values().toArray(CompletableFuture<?>[]::new))
                .thenApply(done -> {
                    Map<String, NodeView> found = new HashMap<>();
                    views.forEach((address, view) -> view.join().ifPresent(seen -> found.put(address, seen)));
                    return found;
                });
    }

    /** Returns the cluster as a node sees it; empty if it doesn't answer. That it isn't connected is an incident of those who call for its slots. */
    private CompletableFuture<Optional<NodeView>> view(String address, Duration patience) {
        GuardedConnection node = connection(address);
        return node.started(patience)
                .thenCompose(started -> node.isConnected() ? askForNodes(node) : CompletableFuture.completedFuture(""))
                .thenApply(text -> Optional.of(text)
                        .filter(answer -> !answer.isEmpty())
                        .map(answer -> NodeView.of(answer, address, null)))
                .exceptionally(error -> Optional.empty());
    }

    private static CompletionStage<String> askForNodes(GuardedConnection node) {
        return node.dispatch(Purpose.LOCATE, answer -> true, link -> NodeView.ask(link.connection()));
    }

    /**
     * Takes note of what a master has answered to {@link NodeView#ask} elsewhere.
     *
     * @param asked when it was asked, by {@link System#nanoTime}
     * @return what it has answered; the same view as before where that is the same
     */
    public NodeView learn(String address, String answer, long asked) {
        NodeView view = NodeView.of(answer, address, seen.last(address));
        install(Map.of(address, view), asked);
        return view;
    }

    /** Sets what is called after each change of the {@link #topology}, and now if one is known. It mustn't block. */
    public void observe(Runnable receiver) {
        observer = receiver;
        if (topology() != null) {
            receiver.run();
        }
    }

    /** Returns which master has which slot; null if no node has answered so far. */
    public @Nullable Topology topology() {
        return seen.topology();
    }

    /** Returns whether one of these views is one of the cluster that is known. */
    private boolean install(Map<String, NodeView> views, long asked) {
        if (closed || views.isEmpty()) {
            return false;
        }
        boolean isChanged = seen.add(views, asked);
        Topology next = topology();
        if (next == null) {
            return false;
        }
        if (isChanged) {
            next.masters().forEach(this::connection);
            // What began before may have connected to others since.
            var unused = timeouts.after(2 * commandTimeout.toNanos()).thenRun(this::retireOthers);
        }
        if (isChanged || next.isCovered()) {
            retireOthers(); // the client's addresses are asked while slots are without a master
        }
        if (next.isCovered() && asked - unserved >= REFRESH_NANOS) {
            coverage.end();
        }
        if (isChanged) {
            observer.run();
        }
        return views.values().stream().anyMatch(next::isSeenBy);
    }

    /** Closes connections to nodes that aren't masters any more. */
    private void retireOthers() {
        Topology known = topology();
        if (known == null || closed) {
            return;
        }
        connections.forEach((address, connection) -> {
            if (!known.masters().contains(address) && connections.remove(address, connection)) {
                // Commands in flight are answered first.
                var unused = timeouts.after(commandTimeout.toNanos()).thenRun(connection::retire);
            }
        });
    }

    private Set<String> owners() {
        Topology known = topology();
        return known == null ? Set.of() : known.owners();
    }

    @Override
    public boolean areOfOneServer() {
        return false;
    }

    @Override
    public boolean refusesScripts(String key) {
        String owner = owner(key);
        return owner != null && connection(owner).refusesScripts();
    }

    @Override
    public boolean areSharded() {
        return true;
    }

    /** Publications that aren't sharded reach all nodes: any of them will do, the next one with each attempt. */
    @Override
    public StatefulRedisPubSubConnection<String, String> connectPubSub() {
        List<String> all = owners().stream().sorted().toList();
        int next = Math.floorMod(subscriptions.getAndIncrement(), all.isEmpty() ? seeds.size() : all.size());
        String address = all.isEmpty() ? Topology.address(seeds.get(next)) : all.get(next);
        StatefulRedisPubSubConnection<String, String> connection = connectPubSub(address);
        subscribed.keySet().removeIf(former -> !former.isOpen());
        subscribed.put(connection, address);
        return connection;
    }

    /** Connects to a node, {@code host:port}, for sharded publications; blocks. */
    StatefulRedisPubSubConnection<String, String> connectPubSub(String address) {
        return nodes.connectPubSub(StringCodec.UTF8, uri(address));
    }

    @Override
    public boolean receivesPublications(StatefulRedisPubSubConnection<String, String> connection) {
        Set<String> owners = owners();
        String address = subscribed.get(connection);
        return owners.isEmpty() || address == null || owners.contains(address);
    }

    /** Connects to a node, {@code host:port}, for another purpose than commands on keys; blocks. */
    public StatefulRedisConnection<String, String> connectTo(String address) {
        return nodes.connect(StringCodec.UTF8, uri(address));
    }

    @Override
    public Duration commandTimeout() {
        return commandTimeout;
    }

    @Override
    public AbstractRedisClient client() {
        return client;
    }

    @Override
    public boolean isAvailable() {
        return topology() != null
                && !coverage.isOngoing()
                && connections.values().stream().allMatch(GuardedConnection::isAvailable);
    }

    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        coverage.close();
        Connector.await(CompletableFuture.allOf(
                connections.values().stream().map(GuardedConnection::closing).toArray(CompletableFuture<?>[]::new)));
        var unused = nodes.shutdownAsync(0, SHUTDOWN_LIMIT.toMillis(), TimeUnit.MILLISECONDS);
    }
}
