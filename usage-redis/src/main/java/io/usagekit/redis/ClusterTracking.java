package io.usagekit.redis;

import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.cluster.SlotHash;
import io.usagekit.UsageKey;
import io.usagekit.UsageListener;
import io.usagekit.redis.internal.Cluster;
import io.usagekit.redis.internal.Connector;
import io.usagekit.redis.internal.NodeView;
import io.usagekit.redis.internal.RedisErrors;
import io.usagekit.redis.internal.Topology;
import java.time.Duration;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * A tracking connection to each master of a cluster that has hash slots. A master that has lost a slot doesn't report the changes of its keys any
 * more, and may not know yet that it has lost it. So a heartbeat asks each master which node has which slot, and a figure is current
 * <ul>
 *   <li>as long as the master on whose connection it was read answers, and a majority of the masters do, which elects the successor of one
 *       that is cut off;
 *   <li>until one of the masters that answer knows of another master of its slot, or its own master has a later configuration epoch:
 *       it may have lost the slot and have it again.
 * </ul>
 * Figures in slots that a master has lost or received are removed. A load whose read was sent before that is dropped with them; one that
 * registers later finds that the master doesn't have the slot, and reads without tracking. The figures of a master that is away stay as fallback
 * copies until its slots are tracked again.
 */
final class ClusterTracking implements Tracking {

    private final NearCacheContext context;
    private final Cluster cluster;
    private final Duration retry;
    private final RedisKeys keys;
    private final TrackingLoss unknown = new TrackingLoss("the Redis Cluster");
    private final Map<String, Master> masters = new ConcurrentHashMap<>();
    /** Topology that the masters and what they track correspond to; guarded by this. */
    private @Nullable Topology followed;

    private volatile @Nullable UsageListener listener;
    private volatile @Nullable CompletableFuture<Void> nextWatch;
    private volatile boolean closed;

    ClusterTracking(NearCacheContext context, Cluster cluster, Duration retry) {
        this.context = context;
        this.cluster = cluster;
        this.retry = retry;
        this.keys = context.settings().keys();
    }

    @Override
    public boolean isOfOneServer() {
        return false;
    }

    @Override
    public void open(Duration wait, Duration patience) {
        cluster.observe(this::follow);
        if (cluster.topology() == null) {
            unknown.begin("no node has answered so far");
        }
        if (cluster.topology() != null) {
            unknown.end(); // a node has answered just then
        }
        CompletableFuture<?>[] attempts = masters.values().stream()
                .flatMap(master -> Stream.ofNullable(master.started))
                .toArray(CompletableFuture<?>[]::new);
        try {
            CompletableFuture.allOf(attempts).get(wait.toNanos(), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (TimeoutException | ExecutionException e) {
            // Each master reports its loss.
        }
        watch();
    }

    /** Looks for other masters each second while not all slots are tracked: without calls nothing else would. */
    private void watch() {
        if (closed) {
            return;
        }
        try {
            if (!isValid(context.ticker().getAsLong())) {
                cluster.refreshSoon();
            }
        } finally {
            watchLater();
        }
    }

    private void watchLater() {
        CompletableFuture<Void> next = context.timeouts().after(TrackingSupervisor.RETRY.toNanos());
        nextWatch = next;
        var unused = next.thenRun(this::watch);
        if (closed) {
            next.complete(null);
        }
    }

    @Override
    public @Nullable TrackingConnection connection(UsageKey key) {
        String entry = keys.of(key);
        Topology known = cluster.topology();
        String owner = known == null ? null : known.owner(entry);
        Master master = owner == null ? null : masters.get(owner);
        Slots slots = master == null ? null : master.slots;
        return slots != null && slots.isTracked(entry) ? slots.connection() : null;
    }

    /** That of the entry itself: one that was read on a connection to a node that has lost the slot is removed. */
    @Override
    public @Nullable TrackingValidity validity(UsageKey key) {
        NearEntry entry = context.store().entry(key);
        return entry == null ? null : entry.validity();
    }

    /** Whether each slot that has a master is tracked. */
    @Override
    public boolean isValid(long now) {
        Topology known = cluster.topology();
        return known != null
                && !masters.isEmpty()
                && masters.values().stream().allMatch(master -> master.isValid(now))
                && masters.values().stream().mapToInt(Master::tracked).sum() == known.assigned();
    }

    @Override
    public void observe(UsageListener host) {
        listener = host;
        unknown.observe(host);
        masters.values().forEach(master -> master.supervisor.observe(host));
    }

    /** Takes note of which master has which slot by now: the topology is read here, since its changes may be reported out of order. */
    private synchronized void follow() {
        Topology next = cluster.topology();
        if (closed || next == null) {
            return;
        }
        followed = next;
        Set<String> owners = next.owners();
        for (String address : owners) {
            masters.computeIfAbsent(address, Master::new).start();
        }
        masters.forEach((address, master) -> {
            if (!owners.contains(address) && masters.remove(address, master)) {
                master.retire();
            }
        });
        masters.values().forEach(master -> {
            master.update();
            master.isCounted = master.view != null && next.isSeenBy(master.view);
        });
        renew();
        defer(unknown::end);
    }

    private synchronized void answered(Master master, String answer, long sent, long asked) {
        if (closed || masters.get(master.address) != master) {
            return;
        }
        // Before it counts: what it has changed is followed then.
        NodeView view = cluster.learn(master.address, answer, asked);
        if (masters.get(master.address) != master) {
            return;
        }
        boolean isChanged = master.view != view;
        master.view = view;
        master.answered = sent;
        if (isChanged) {
            master.update();
            master.isCounted = followed != null && followed.isSeenBy(view);
        }
        renew();
    }

    /**
     * Extends the validity of each connection to the last time at which its master and a majority of all were asked that have answered. One that
     * has forgotten most of the others doesn't count: it doesn't learn what they decide.
     */
    private void renew() {
        if (cluster.topology() != followed) {
            follow(); // ahead of the thread that has changed it; renews
            return;
        }
        List<Long> latest = masters.values().stream()
                .filter(master -> master.isCounted)
                .map(master -> master.answered)
                .sorted((one, other) -> Long.signum(other - one))
                .toList();
        if (2 * latest.size() <= masters.size()) {
            return;
        }
        long majority = latest.get(masters.size() / 2);
        masters.values().forEach(master -> master.renew(majority));
    }

    private synchronized void installed(Master master, TrackingConnection connection) {
        NodeView view = master.view;
        if (view == null || masters.get(master.address) != master) {
            return;
        }
        BitSet tracked = master.tracked(view);
        master.slots = new Slots(connection, view.epoch(), tracked);
        removeAll(master, tracked);
        renew();
    }

    /**
     * Removes the figures of these slots on another thread than the client's own for I/O, which would be held up by a large memory. Until then nothing
     * of the master is proved again, so that its figures aren't current for longer than without a removal.
     */
    private void removeAll(Master master, BitSet slots) {
        if (!slots.isEmpty()) {
            master.removals++;
            defer(() -> remove(master, context.store().removal(key -> slots.get(SlotHash.getSlot(keys.of(key))))));
        }
    }

    private void remove(Master master, BooleanSupplier removal) {
        if (removal.getAsBoolean()) {
            defer(() -> remove(master, removal));
        } else {
            removed(master);
        }
    }

    private synchronized void removed(Master master) {
        master.removals--;
        renew();
    }

    /** Runs what may call the host without this monitor: on another thread, also where no time is left to wait for. */
    private void defer(Runnable action) {
        var unused = context.timeouts()
                .after(0)
                .thenRunAsync(action, context.timeouts().timers());
    }

    @Override
    public void close() {
        synchronized (this) {
            closed = true;
        }
        CompletableFuture<Void> next = nextWatch;
        if (next != null) {
            next.complete(null); // and its timer with it
        }
        CompletableFuture<?>[] attempts = masters.values().stream()
                .map(master -> master.supervisor.stop())
                .toArray(CompletableFuture<?>[]::new);
        TrackingSupervisor.awaitEnds(
                CompletableFuture.allOf(attempts), context.settings().commandTimeout());
        Connector.await(CompletableFuture.allOf(masters.values().stream()
                .map(master -> master.supervisor.closing())
                .toArray(CompletableFuture<?>[]::new)));
    }

    /**
     * Slots of which invalidation messages arrive on a connection.
     *
     * @param epoch the master's configuration epoch when the connection was made
     * @param tracked not to be changed
     */
    private record Slots(TrackingConnection connection, long epoch, BitSet tracked) {

        boolean isTracked(String entry) {
            return tracked.get(SlotHash.getSlot(entry))
                    && !connection.validity().hasEnded();
        }
    }

    /** A master that has slots. What isn't volatile is guarded by the monitor of the enclosing object. */
    private final class Master implements TrackedServer {

        private final String address;
        private final TrackingSupervisor supervisor;
        /** Completes with the first attempt to connect; null before it. */
        private volatile @Nullable CompletableFuture<Void> started;
        /** Its last answer to a heartbeat; null if there is none so far. */
        private @Nullable NodeView view;
        /** Whether that answer lists most of the masters. */
        private boolean isCounted;
        /** When that heartbeat was sent, in nanoseconds of the ticker. */
        private long answered;
        /** Number of removals of figures that haven't ended. */
        private int removals;

        private volatile @Nullable Slots slots;

        Master(String address) {
            this.address = address;
            this.supervisor = new TrackingSupervisor(context, this, retry);
        }

        void start() {
            if (started != null) {
                return;
            }
            UsageListener host = listener;
            if (host != null) {
                supervisor.observe(host);
            }
            started = supervisor.start(context.settings().connectTimeout().multipliedBy(2));
        }

        @Override
        public String name() {
            return "Redis node " + address;
        }

        @Override
        public StatefulRedisConnection<String, String> connect() {
            return cluster.connectTo(address);
        }

        @Override
        public CompletableFuture<?> beat(StatefulRedisConnection<String, String> connection) {
            long sent = context.ticker().getAsLong();
            long asked = System.nanoTime();
            return NodeView.ask(connection).handle((answer, error) -> {
                if (error != null) {
                    // An error of the node, too: it proves nothing.
                    Throwable cause = RedisErrors.unwrap(error);
                    throw RedisErrors.isRefusal(cause)
                            ? new TrackingConnection.RefusedException("CLUSTER NODES is refused", cause)
                            : new IllegalStateException("CLUSTER NODES failed", cause);
                }
                ClusterTracking.this.answered(this, answer, sent, asked);
                return answer;
            });
        }

        /** Answers to other commands say nothing of the slots. */
        @Override
        public void answered(TrackingConnection tracking, long sent) {}

        @Override
        public void installed(TrackingConnection tracking) {
            ClusterTracking.this.installed(this, tracking);
        }

        boolean isValid(long now) {
            Slots known = slots;
            return known != null && known.connection().validity().isValid(now);
        }

        int tracked() {
            Slots known = slots;
            return known == null ? 0 : known.tracked().cardinality();
        }

        /** Returns the slots that the master itself says it has, and no other master that is known. */
        BitSet tracked(NodeView view) {
            Topology known = cluster.topology();
            BitSet tracked = view.slots();
            if (known != null) {
                tracked.and(known.slots(address));
            }
            return tracked;
        }

        /** Ends the tracking of slots that have moved. */
        void update() {
            Slots known = slots;
            if (known == null || view == null || known.connection().validity().hasEnded()) {
                return;
            }
            if (view.epoch() != known.epoch()) {
                known.connection().validity().end();
                defer(() -> known.connection().end("its configuration epoch has changed, and with it its hash slots"));
                return;
            }
            BitSet moved = tracked(view);
            BitSet next = (BitSet) moved.clone();
            moved.xor(known.tracked());
            if (!moved.isEmpty()) {
                slots = new Slots(known.connection(), known.epoch(), next);
                removeAll(this, moved);
            }
        }

        void renew(long majority) {
            Slots known = slots;
            if (known != null && view != null && removals == 0) {
                known.connection().validity().renew(answered - majority < 0 ? answered : majority);
            }
        }

        void retire() {
            Slots known = slots;
            if (known != null) {
                known.connection().validity().end();
            }
            defer(() -> supervisor.retire(name() + " has no hash slots of its cluster any more"));
        }
    }
}
