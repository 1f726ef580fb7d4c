package io.usagekit.redis.internal;

import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.cluster.SlotHash;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Which master has which slot, by answers that arrive one after another from nodes that don't agree. */
class ClusterViewsTest {

    private static final int SLOTS = SlotHash.SLOT_COUNT;

    /** Key whose slot moves from the first master to the third. */
    private static final String MOVED = IntStream.iterate(0, i -> i + 1)
            .mapToObj(i -> "key-" + i)
            .filter(key -> SlotHash.getSlot(key) == 0)
            .findFirst()
            .orElseThrow();

    private static final int FIRST = 1;
    private static final int SECOND = 2;
    private static final int THIRD = 3;
    private static final String BEFORE = "1-5000";
    private static final Set<String> SEEDS = Set.of("seed:6379");

    private final ClusterViews views = new ClusterViews(SEEDS);
    private long now;

    private static String address(int node) {
        return "10.0.0." + node + ":6379";
    }

    private static String node(int node, String flags, int epoch, String slots) {
        return String.valueOf(node).repeat(40) + " " + address(node) + "@16379 " + flags + " - 0 0 " + epoch
                + " connected " + slots;
    }

    /** Returns the cluster as a master sees it before the slot has moved, or after it. */
    private static NodeView cluster(int self, boolean hasMoved) {
        return NodeView.of(
                IntStream.of(FIRST, SECOND, THIRD)
                        .mapToObj(node -> node(
                                node,
                                node == self ? "myself,master" : "master",
                                node == THIRD && hasMoved ? 9 : node,
                                switch (node) {
                                    case FIRST -> hasMoved ? BEFORE : "0 " + BEFORE;
                                    case SECOND -> "5001-10000";
                                    default -> (hasMoved ? "0 " : "") + "10001-16383";
                                }))
                        .collect(Collectors.joining("\n")),
                address(self),
                null);
    }

    private static NodeView alone(int self, String slots) {
        return NodeView.of(node(self, "myself,master", self, slots), address(self), null);
    }

    private Topology add(Map<String, NodeView> answers) {
        views.add(answers, now++);
        return Objects.requireNonNull(views.topology(), "no topology");
    }

    private Topology add(int node, NodeView answer) {
        return add(Map.of(address(node), answer));
    }

    private void startWithAll() {
        IntStream.of(FIRST, SECOND, THIRD).forEach(node -> add(node, cluster(node, false)));
        assertThat(topology().owner(MOVED)).isEqualTo(address(FIRST));
    }

    private Topology topology() {
        return Objects.requireNonNull(views.topology(), "no topology");
    }

    /** However many answer later that don't know of it. */
    @Test
    void believesWhatOneMasterHasSaidOfASlotThatItTookOver() {
        startWithAll();
        assertThat(add(THIRD, cluster(THIRD, true)).owner(MOVED)).isEqualTo(address(THIRD));
        add(FIRST, cluster(FIRST, false));
        assertThat(add(SECOND, cluster(SECOND, false)).owner(MOVED)).isEqualTo(address(THIRD));
        add(Map.of(address(FIRST), cluster(FIRST, false), address(SECOND), cluster(SECOND, false)));
        assertThat(topology().owner(MOVED)).isEqualTo(address(THIRD));
    }

    @Test
    void ignoresAnAnswerToAnEarlierQuestion() {
        startWithAll();
        add(THIRD, cluster(THIRD, true));
        views.add(Map.of(address(THIRD), cluster(THIRD, false)), now - 2);
        assertThat(topology().owner(MOVED)).isEqualTo(address(THIRD));
    }

    /** As after a failover: its slots would be believed to be its own for as long as it is away. */
    @Test
    void dropsWhatAMasterHasSaidThatMostOthersSayHasFailed() {
        startWithAll();
        add(THIRD, cluster(THIRD, true));
        for (int self : new int[] {FIRST, SECOND}) {
            add(
                    self,
                    NodeView.of(
                            node(FIRST, self == FIRST ? "myself,master" : "master", 1, "0 " + BEFORE) + "\n"
                                    + node(SECOND, self == SECOND ? "myself,master" : "master", 10, "5001-16383") + "\n"
                                    + node(THIRD, "master,fail", 3, ""),
                            address(self),
                            null));
        }
        assertThat(topology().owners()).containsExactlyInAnyOrder(address(FIRST), address(SECOND));
        assertThat(topology().owner(MOVED)).isEqualTo(address(FIRST));
        assertThat(topology().masters()).doesNotContain(address(THIRD));
        assertThat(topology().isCovered()).isTrue();
    }

    @Test
    void followsNoAddressThatLeadsToAStrayNode() {
        startWithAll();
        for (NodeView stray : new NodeView[] {alone(FIRST, "0-5000"), alone(4, ""), alone(4, "0-100")}) {
            add(Map.of("seed:6379", stray));
            assertThat(topology().owners()).containsExactlyInAnyOrder(address(FIRST), address(SECOND), address(THIRD));
            assertThat(topology().assigned()).isEqualTo(SLOTS);
        }
    }

    @Test
    void followsMostOfTheAddressesToAnotherWholeCluster() {
        startWithAll();
        NodeView other = alone(5, "0-16383");
        assertThat(add(5, other).owners()).doesNotContain(address(5));
        assertThat(add(Map.of("seed:6379", other)).owners()).containsExactly(address(5));
    }
}
