package io.usagekit.redis.internal;

import io.lettuce.core.RedisURI;
import io.lettuce.core.cluster.SlotHash;
import io.lettuce.core.cluster.models.partitions.RedisClusterNode;
import io.lettuce.core.cluster.models.partitions.RedisClusterNode.NodeFlag;
import java.util.BitSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Which master has which hash slot, as one node or several nodes see it. Where they differ, the later configuration epoch decides, as it
 * does among the nodes themselves: a master that was replaced while it was away still claims its slots. Immutable.
 */
public final class Topology {

    /** Addresses of owners, {@code host:port}, by slot; null where no master has the slot. */
    private final @Nullable String[] owners;

    private final Set<String> masters;
    /** Addresses in {@link #owners}. */
    private final Set<String> addresses;

    private final boolean covered;

    private Topology(@Nullable String[] owners, Set<String> masters, Set<String> addresses, boolean covered) {
        this.owners = owners;
        this.addresses = addresses;
        this.masters = masters;
        this.covered = covered;
    }

    /**
     * Merges what nodes see. What a node sees that most others don't know is left out: it was removed from their cluster since, and may be in
     * another one, whose epochs say nothing here.
     *
     * @param views nodes of the cluster as each node that has answered sees them
     */
    public static Topology of(List<? extends Iterable<RedisClusterNode>> views) {
        List<? extends Iterable<RedisClusterNode>> known =
                views.stream().filter(view -> isKnown(view, views)).toList();
        return merged(known.isEmpty() ? views : known);
    }

    private static boolean isKnown(Iterable<RedisClusterNode> view, List<? extends Iterable<RedisClusterNode>> views) {
        for (RedisClusterNode node : view) {
            if (node.is(NodeFlag.MYSELF)) {
                long knowing = views.stream()
                        .filter(other -> lists(other, node.getNodeId()))
                        .count();
                return 2 * knowing > views.size();
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
        Set<String> masters = new HashSet<>();
        Set<String> failed = new HashSet<>();
        for (Iterable<RedisClusterNode> view : views) {
            for (RedisClusterNode node : view) {
                if (node.is(NodeFlag.FAIL)) {
                    failed.add(address(node));
                }
                if (isMaster(node) && !node.is(NodeFlag.NOADDR) && !node.is(NodeFlag.HANDSHAKE)) {
                    if (!node.is(NodeFlag.FAIL)) {
                        masters.add(address(node));
                    }
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
        boolean covered = true;
        for (int slot = 0; slot < owners.length; slot++) {
            RedisClusterNode owner = best[slot];
            if (owner != null) {
                owners[slot] = address(owner);
                addresses.add(address(owner));
            }
            covered &= owner != null && !failed.contains(address(owner));
        }
        masters.addAll(addresses);
        return new Topology(owners, masters, addresses, covered);
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
