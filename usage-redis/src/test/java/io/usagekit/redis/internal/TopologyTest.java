package io.usagekit.redis.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.cluster.models.partitions.ClusterPartitionParser;
import io.lettuce.core.cluster.models.partitions.Partitions;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Which master has which slot, by what {@code CLUSTER NODES} says on nodes that don't agree. */
class TopologyTest {

    private static final String ONE = "1".repeat(40);
    private static final String TWO = "2".repeat(40);
    private static final String OLD_MASTER = "10.0.0.1:6379";
    private static final String NEW_MASTER = "10.0.0.2:6379";

    /** What the former master says. */
    private static final Partitions BEFORE_FAILOVER =
            view(node(ONE, OLD_MASTER, "myself,master", 1, "0-16383"), node(TWO, NEW_MASTER, "slave", 1, ""));

    private static Partitions view(String... nodes) {
        return ClusterPartitionParser.parse(String.join("\n", nodes));
    }

    private static String node(String id, String address, String flags, int epoch, String slots) {
        return id + " " + address + "@16379 " + flags + " - 0 0 " + epoch + " connected " + slots;
    }

    private static List<List<Partitions>> inEitherOrder(Partitions one, Partitions other) {
        return List.of(List.of(one, other), List.of(other, one));
    }

    private static Topology of(List<Partitions> views) {
        return Topology.of(views, null).orElseThrow();
    }

    @Test
    void believesTheLaterEpochWhileTheFormerMasterStillClaimsItsSlots() {
        Partitions present =
                view(node(ONE, OLD_MASTER, "master,fail", 1, ""), node(TWO, NEW_MASTER, "myself,master", 2, "0-16383"));
        for (List<Partitions> views : inEitherOrder(BEFORE_FAILOVER, present)) {
            Topology topology = of(views);
            assertThat(topology.owner("usage:org:2026-03")).isEqualTo(NEW_MASTER);
            assertThat(topology.owners()).containsExactly(NEW_MASTER);
            assertThat(topology.isCovered()).isTrue();
        }
    }

    /** It is asked right after it was started again, and not again before something fails. */
    @Test
    void takesAFormerMasterForNoneThatHasNotLearntOfItsSuccessor() {
        Partitions present =
                view(node(ONE, OLD_MASTER, "slave", 2, ""), node(TWO, NEW_MASTER, "myself,master", 2, "0-16383"));
        for (List<Partitions> views : inEitherOrder(BEFORE_FAILOVER, present)) {
            assertThat(of(views).masters()).containsExactly(NEW_MASTER);
        }
    }

    /** Slots may move to it next. */
    @Test
    void knowsAMasterWithoutSlots() {
        for (String flags : List.of("master", "slave")) {
            Partitions one =
                    view(node(ONE, OLD_MASTER, "myself,master", 1, "0-16383"), node(TWO, NEW_MASTER, flags, 1, ""));
            Partitions two =
                    view(node(ONE, OLD_MASTER, "master", 1, "0-16383"), node(TWO, NEW_MASTER, "myself,master", 1, ""));
            for (List<Partitions> views : inEitherOrder(one, two)) {
                assertThat(of(views).masters()).containsExactlyInAnyOrder(OLD_MASTER, NEW_MASTER);
            }
        }
    }

    @Test
    void leavesOutANodeThatIsInAnotherClusterByNow() {
        String three = "3".repeat(40);
        String[] cluster = {
            node(ONE, OLD_MASTER, "master", 1, "0-8191"), node(TWO, NEW_MASTER, "master", 2, "8192-16383"),
        };
        Partitions one = view(cluster[0].replace("master", "myself,master"), cluster[1]);
        Partitions two = view(cluster[0], cluster[1].replace("master", "myself,master"));
        Partitions other = view(node(three, "10.0.0.3:6379", "myself,master", 9, "0-16383"));
        Topology topology = of(List.of(one, other, two));
        assertThat(topology.owners()).containsExactlyInAnyOrder(OLD_MASTER, NEW_MASTER);
        assertThat(topology.masters()).doesNotContain("10.0.0.3:6379");
    }

    /** It was cut off or reset: what it doesn't list says nothing of the others. */
    @Test
    void keepsWhatANodeDoesntListThatHasForgottenTheOthers() {
        Partitions alone = view(node(ONE, OLD_MASTER, "myself,master", 1, "0-8191"));
        Partitions other = view(
                node(ONE, OLD_MASTER, "master", 1, "0-8191"), node(TWO, NEW_MASTER, "myself,master", 2, "8192-16383"));
        for (List<Partitions> views : inEitherOrder(alone, other)) {
            Topology topology = of(views);
            assertThat(topology.owners()).containsExactlyInAnyOrder(OLD_MASTER, NEW_MASTER);
            assertThat(topology.assigned()).isEqualTo(16_384);
            assertThat(topology.isSeenBy(alone)).isFalse();
            assertThat(Topology.of(List.of(alone), topology)).isEmpty();
        }
    }

    @Test
    void isntCoveredWithSlotsOfNoMasterOrOfOneThatHasFailed() {
        assertThat(of(List.of(view(node(ONE, OLD_MASTER, "myself,master", 1, "0-16382"))))
                        .isCovered())
                .isFalse();
        assertThat(of(List.of(view(
                                node(ONE, OLD_MASTER, "master,fail", 1, "0-100"),
                                node(TWO, NEW_MASTER, "myself,master", 2, "101-16383"))))
                        .isCovered())
                .isFalse();
    }
}
