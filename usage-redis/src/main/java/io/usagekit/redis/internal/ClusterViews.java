package io.usagekit.redis.internal;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What the masters of a cluster have answered last, and the topology into which that is merged. A master that doesn't answer any more is believed
 * until a later configuration epoch contradicts it, or most others say that it has failed or don't know it: answers of others
 * don't replace its own. Thread-safe.
 */
final class ClusterViews {

    /** What a node has answered, and when it was asked, in nanoseconds. */
    private record Answer(NodeView view, long asked) {}

    private final Set<String> seeds;
    private final Map<String, Answer> answers = new HashMap<>();
    private volatile @Nullable Topology topology;

    /** Creates it for a client with these addresses. */
    ClusterViews(Set<String> seeds) {
        this.seeds = seeds;
    }

    @Nullable
    Topology topology() {
        return topology;
    }

    /** Returns what the node with this address has answered last; null if that isn't kept. */
    synchronized @Nullable NodeView last(String address) {
        Answer last = answers.get(address);
        return last == null ? null : last.view();
    }

    /**
     * Merges answers, but those of nodes that have answered to a later question.
     *
     * @param views what nodes have answered, by address
     * @param asked when they were asked, in nanoseconds
     * @return whether the topology was determined again
     */
    synchronized boolean add(Map<String, NodeView> views, long asked) {
        boolean isNew = false;
        for (Map.Entry<String, NodeView> view : views.entrySet()) {
            Answer last = answers.get(view.getKey());
            if (last == null || asked - last.asked() >= 0) {
                answers.put(view.getKey(), new Answer(view.getValue(), asked));
                isNew |= last == null || last.view() != view.getValue();
            }
        }
        if (!isNew) {
            return false;
        }
        Topology known = topology;
        if (known != null && isOfAnotherCluster(views, known)) {
            answers.keySet().retainAll(views.keySet());
            known = null;
        }
        Optional<Topology> next =
                Topology.of(answers.values().stream().map(Answer::view).toList(), known);
        next.ifPresent(merged -> {
            topology = merged;
            answers.keySet().retainAll(merged.masters());
        });
        return next.isPresent();
    }

    /** Whether most of the client's addresses lead to another cluster, which has all slots, and no answer is one of the cluster that was known. */
    private boolean isOfAnotherCluster(Map<String, NodeView> views, Topology known) {
        long answered = seeds.stream().filter(views::containsKey).count();
        return 2 * answered > seeds.size()
                && views.values().stream().noneMatch(known::isSeenBy)
                && Topology.of(views.values().stream().toList(), null)
                        .filter(Topology::isCovered)
                        .isPresent();
    }
}
