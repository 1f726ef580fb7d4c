package io.usagekit.verification.soak;

import java.util.List;
import java.util.Random;

/** What the processes share figures and leases by, and what can go wrong with it. */
interface SharedStore extends AutoCloseable {

    /** Callers, permits, netty's, timers', the pool's: those that are started when first needed included. */
    int MOST_THREADS = 18;

    /** Returns what it is, for the report. */
    String name();

    /** Returns where the next process reaches it, as {@link SoakMember} takes it. */
    String address();

    /** Returns what can go wrong with it. */
    List<Fault> faults(Random random, Checker checker);

    /** Returns the connections of the processes, a line for each. */
    List<String> connections();

    /** Returns the most connections that there may be after all faults, if there were that many before. */
    default int mostConnections(int before) {
        return before;
    }

    /** Returns the most threads of a process. */
    default int mostThreads() {
        return MOST_THREADS;
    }

    /** Ends connections whose client's end was swallowed. The client opens those again that nobody has closed. */
    default void cutOnce() {}

    /** Mends what may still be wrong. */
    default void mend() {}

    @Override
    void close();
}
