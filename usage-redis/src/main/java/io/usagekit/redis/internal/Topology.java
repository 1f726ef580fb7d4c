package io.usagekit.redis.internal;

import io.lettuce.core.RedisURI;
import io.lettuce.core.cluster.SlotHash;
import io.lettuce.core.cluster.models.partitions.RedisClusterNode;
import io.lettuce.core.cluster.models.partitions.RedisClusterNode.NodeFlag;
import java.util.BitSet;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Which master has which hash slot, as one node or several nodes see it. Where they differ, the later configuration epoch decides, as it
 * does among the nodes themselves: a master that was replaced while it was away still claims its slots, and to be a master. Immutable.
 */
public final class Topology {

    /** Addresses of owners, {@code host:port}, by slot; null where no master has the slot. */
    private final @Nullable String[] owners;

    private final Set<String> masters;
    /** Addresses in {@link #owners}. */
    private final Set<String> addresses;

    /** Ids of the nodes in {@link #owners}. */
    private final Set<String> ids;

    private final boolean covered;

    private Topology(
            @Nullable String[] owners, Set<String> masters, Set<String> addresses, Set<String> ids, boolean covered) {
        this.owners = owners;
        this.addresses = addresses;
        this.ids = ids;
        this.masters = masters;
        this.covered = covered;
    }

    /**
     * Merges what nodes see. The views that count are those that list a majority of the owners known so far, and of these the ones with the most
     * slots: a node that has forgotten the others, or is in another cluster, says nothing of them. What a node sees that most of these don't
     * know, or say has failed, is left out: it was removed from their cluster, or replaced, since.
     *
     * @param views nodes of the cluster as each node that has answered sees them
     * @param known what is known so far; null if nothing is
     * @return empty if no view is one of the cluster that is known
     */
    static Optional<Topology> of(List<? extends Iterable<RedisClusterNode>> views, @Nullable Topology known) {
        List<? extends Iterable<RedisClusterNode>> counted = views.stream()
                .filter(view -> known == null || known.isSeenBy(view))
                .toList();
        int most = counted.stream().mapToInt(Topology::assigned).max().orElse(0);
        List<? extends Iterable<RedisClusterNode>> whole =
                counted.stream().filter(view -> assigned(view) == most).toList();
        if (whole.isEmpty()) {
            return Optional.empty();
        }
        List<? extends Iterable<RedisClusterNode>> members =
                views.stream().filter(view -> isKnown(view, whole)).toList();
        return Optional.of(merged(members.isEmpty() ? whole : members));
    }

    /** Whether a node's view lists a majority of the masters that have slots, so that it is one of this cluster. */
    public boolean isSeenBy(Iterable<RedisClusterNode> view) {
        long listed = ids.stream().filter(id -> lists(view, id)).count();
        return ids.isEmpty() || 2 * listed > ids.size();
    }

    /** Returns how many slots have a master in a view. */
    private static int assigned(Iterable<RedisClusterNode> view) {
        BitSet slots = new BitSet();
        view.forEach(node -> node.forEachSlot(slots::set));
        return slots.cardinality();
    }

    private static boolean isKnown(Iterable<RedisClusterNode> view, List<? extends Iterable<RedisClusterNode>> whole) {
        for (RedisClusterNode node : view) {
            if (node.is(NodeFlag.MYSELF)) {
                long knowing = whole.stream()
                        .filter(other -> isMember(node.getNodeId(), other))
                        .count();
                return 2 * knowing > whole.size();
            }
        }
        return false;
    }

    private static boolean isMember(String id, Iterable<RedisClusterNode> view) {
        for (RedisClusterNode node : view) {
            if (node.getNodeId().equals(id)) {
                return !node.is(NodeFlag.FAIL);
            }
        }
        return false;
    }

    private static boolean lists(Iterable<RedisClusterNode> view, String id) {
        for (RedisClusterNode node : view) {
            if (node.getNodeId().equals(id)) {
                return true;
            }
        }
        return false;
    }

    private static Topology merged(List<? extends Iterable<RedisClusterNode>> views) {
        @Nullable RedisClusterNode[] best = new @Nullable RedisClusterNode[SlotHash.SLOT_COUNT];
        Map<String, RedisClusterNode> latest = new HashMap<>();
        Set<String> failed = new HashSet<>();
        for (Iterable<RedisClusterNode> view : views) {
            for (RedisClusterNode node : view) {
                if (node.is(NodeFlag.FAIL)) {
                    failed.add(address(node));
                }
                if (node.is(NodeFlag.NOADDR) || node.is(NodeFlag.HANDSHAKE)) {
                    continue;
                }
                latest.merge(address(node), node, Topology::later);
                if (isMaster(node)) {
                    node.forEachSlot(slot -> {
                        RedisClusterNode other = best[slot];
                        if (other == null || other.getConfigEpoch() < node.getConfigEpoch()) {
                            best[slot] = node;
                        }
                    });
                }
            }
        }
        @Nullable String[] owners = new @Nullable String[SlotHash.SLOT_COUNT];
        Set<String> addresses = new HashSet<>();
        Set<String> ids = new HashSet<>();
        boolean covered = true;
        for (int slot = 0; slot < owners.length; slot++) {
            RedisClusterNode owner = best[slot];
            if (owner != null) {
                owners[slot] = address(owner);
                addresses.add(address(owner));
                ids.add(owner.getNodeId());
            }
            covered &= owner != null && !failed.contains(address(owner));
        }
        Set<String> masters = latest.values().stream()
                .filter(Topology::isMaster)
                .map(Topology::address)
                .collect(Collectors.toCollection(HashSet::new));
        masters.removeAll(failed);
        masters.addAll(addresses);
        return new Topology(owners, masters, addresses, ids, covered);
    }

    /** Returns what was said of a node later: nodes give a replica the epoch of its master. Of two with the same epoch, which says that it is a master. */
    private static RedisClusterNode later(RedisClusterNode one, RedisClusterNode other) {
        boolean isOther = one.getConfigEpoch() == other.getConfigEpoch()
                ? isMaster(other)
                : one.getConfigEpoch() < other.getConfigEpoch();
        return isOther ? other : one;
    }

    private static boolean isMaster(RedisClusterNode node) {
        return node.getRole().isUpstream();
    }

    private static String address(RedisClusterNode node) {
        return address(node.getUri());
    }

    static String address(RedisURI uri) {
        return uri.getHost() + ":" + uri.getPort();
    }

    /** Returns the address of the master that has a key's slot; null if there is none. */
    public @Nullable String owner(String key) {
        return owners[SlotHash.getSlot(key)];
    }

    /** Returns the slots that the master with this address has. */
    public BitSet slots(String address) {
        BitSet slots = new BitSet();
        for (int slot = 0; slot < owners.length; slot++) {
            slots.set(slot, address.equals(owners[slot]));
        }
        return slots;
    }

    /** Returns how many slots have a master. */
    public int assigned() {
        return (int) Stream.of(owners).filter(Objects::nonNull).count();
    }

    /** Returns the addresses of the masters, those included that have no slots. */
    Set<String> masters() {
        return masters;
    }

    /** Returns the addresses of the masters that have slots. */
    public Set<String> owners() {
        return addresses;
    }

    /** Whether each slot has a master that isn't known to have failed. */
    boolean isCovered() {
        return covered;
    }
}
