package io.usagekit.micrometer;

import java.util.Optional;
import java.util.function.Predicate;

/** How a run of a worker ended. */
enum RunOutcome {
    /** There is no more work for now. */
    FINISHED,
    /** Work is left for the next run. */
    UNFINISHED,
    /** Another worker was working. */
    STANDBY,
    /** It threw. */
    FAILED;

    static final String TAG = "outcome";

    /**
     * Returns the outcome of a run.
     *
     * @param result empty if the run threw
     */
    static <R> RunOutcome of(Optional<R> result, Predicate<R> isLeader, Predicate<R> isFinished) {
        if (result.isEmpty()) {
            return FAILED;
        }
        if (!isLeader.test(result.get())) {
            return STANDBY;
        }
        return isFinished.test(result.get()) ? FINISHED : UNFINISHED;
    }
}
