package io.usagekit.benchmarks;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/** Time on the clock of repeated work. */
final class Timing {

    private Timing() {}

    /** Work that is measured. */
    interface Work {
        void run() throws Exception;
    }

    /** Milliseconds of one run. */
    static double millis(Work work) throws Exception {
        long started = System.nanoTime();
        work.run();
        return (System.nanoTime() - started) / 1e6;
    }

    /** The median in milliseconds. */
    static double medianMillis(int runs, Work work) throws Exception {
        List<Double> millis = new ArrayList<>();
        for (int run = 0; run < runs; run++) {
            millis.add(millis(work));
        }
        Collections.sort(millis);
        return millis.get(runs / 2);
    }
}
