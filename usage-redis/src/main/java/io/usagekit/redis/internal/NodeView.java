package io.usagekit.redis.internal;

import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.cluster.models.partitions.ClusterPartitionParser;
import io.lettuce.core.cluster.models.partitions.Partitions;
import io.lettuce.core.cluster.models.partitions.RedisClusterNode;
import io.lettuce.core.cluster.models.partitions.RedisClusterNode.NodeFlag;
import io.lettuce.core.codec.StringCodec;
import io.lettuce.core.output.StatusOutput;
import io.lettuce.core.protocol.AsyncCommand;
import io.lettuce.core.protocol.CommandType;
import java.util.BitSet;
import java.util.Iterator;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The nodes of a cluster as one of them sees them: its answer to {@code CLUSTER NODES}. */
public final class NodeView implements Iterable<RedisClusterNode> {

    /** A line: id, address, flags, master; times of the last ping and pong; epoch; state of the link; slots. */
    private static final Pattern LINE = Pattern.compile("(?m)^(\\S+ \\S+ \\S+ \\S+) \\S+ \\S+ (\\S+) \\S+");

    private final String lasting;
    private final Partitions nodes;
    private final RedisClusterNode self;

    private NodeView(String lasting, Partitions nodes) {
        this.lasting = lasting;
        this.nodes = nodes;
        this.self = nodes.stream()
                .filter(node -> node.is(NodeFlag.MYSELF))
                .findFirst()
                .orElseThrow(() ->
                        new IllegalArgumentException("CLUSTER NODES doesn't say which node has answered: " + lasting));
    }

    /** Asks a node. */
    public static CompletableFuture<String> ask(StatefulRedisConnection<String, String> node) {
        AsyncCommand<String, String, String> nodes = new AsyncCommand<>(Link.command(
                CommandType.CLUSTER,
                new StatusOutput<>(StringCodec.UTF8),
                Link.arguments().add("NODES")));
        node.dispatch(nodes);
        return nodes;
    }

    /**
     * Parses the answer of a node.
     *
     * @param address the node's address, {@code host:port}
     * @param last what the node answered before; null if it didn't
     * @return the last view, if all but times and states of links is as it was
     * @throws IllegalArgumentException if the answer doesn't say which node has given it
     */
    public static NodeView of(String answer, String address, @Nullable NodeView last) {
        String lasting = LINE.matcher(answer).replaceAll("$1 $2");
        return last != null && last.lasting.equals(lasting)
                ? last
                : new NodeView(lasting, ClusterPartitionParser.parse(withOwnHost(answer, address)));
    }

    /** A node that has met no other one doesn't know its own host. */
    private static String withOwnHost(String text, String address) {
        String host = address.substring(0, address.lastIndexOf(':'));
        return text.replaceAll("(?m)^(\\S+ )(:\\d+\\S* myself)", "$1" + host + "$2");
    }

    @Override
    public Iterator<RedisClusterNode> iterator() {
        return nodes.iterator();
    }

    /** Returns the configuration epoch of the node itself, which is a later one whenever it takes over slots or comes back to some. */
    public long epoch() {
        return self.getConfigEpoch();
    }

    /** Returns the slots that the node itself serves as their master. */
    public BitSet slots() {
        BitSet slots = new BitSet();
        if (self.getRole().isUpstream()) {
            self.forEachSlot(slots::set);
        }
        return slots;
    }
}
