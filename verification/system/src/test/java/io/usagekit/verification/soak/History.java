package io.usagekit.verification.soak;

import java.util.ArrayList;
import java.util.List;

/**
 * Which counts the database held when: the n-th event of an organisation can be seen from some moment between the begin and the
 * end of its insertion on. Thread-safe.
 */
final class History {

    private final List<List<long[]>> insertions = new ArrayList<>();

    History(int organisations) {
        for (int i = 0; i < organisations; i++) {
            insertions.add(new ArrayList<>());
        }
    }

    /** The next event of this organisation is being inserted. */
    synchronized void begins(int organisation, long at) {
        insertions.get(organisation).add(new long[] {at, Long.MAX_VALUE});
    }

    /** It is certain to be there. */
    synchronized void ended(int organisation, long at) {
        List<long[]> all = insertions.get(organisation);
        all.get(all.size() - 1)[1] = at;
    }

    /** It is certain not to be there. */
    synchronized void failed(int organisation) {
        List<long[]> all = insertions.get(organisation);
        all.remove(all.size() - 1);
    }

    synchronized int count(int organisation) {
        return insertions.get(organisation).size();
    }

    /** Whether a snapshot taken between these two moments can have held exactly this many events. */
    synchronized boolean canHaveHeld(int organisation, long count, long from, long to) {
        return canHaveHeldAtMost(organisation, count, from) && canHaveHeldAtLeast(organisation, count, to);
    }

    /** Whether the event after these wasn't certain to be there by then. */
    private boolean canHaveHeldAtMost(int organisation, long count, long from) {
        List<long[]> all = insertions.get(organisation);
        return count >= all.size() || all.get(Math.toIntExact(count))[1] >= from;
    }

    private boolean canHaveHeldAtLeast(int organisation, long count, long to) {
        List<long[]> all = insertions.get(organisation);
        return count == 0 || (count <= all.size() && all.get(Math.toIntExact(count - 1))[0] <= to);
    }
}
