package io.usagekit.postgres.rollups.spi;

/**
 * Result of one run of a {@link FeedWorker}.
 *
 * @param cycles how many cycles it ran; 0 if another session ran one, and then everything else is 0 or false
 * @param version of the last one
 * @param hours how many cells they shipped
 * @param projects how many projects they shipped
 * @param complete whether a {@link Watermark} was published by the last one
 * @param left whether hours were left to ship, since the budget was used up, another session went on, or the worker was closed
 * @since 0.1
 */
public record FeedRun(long cycles, long version, long hours, long projects, boolean complete, boolean left) {

    static final FeedRun NONE = new FeedRun(0, 0, 0, 0, false, false);

    /** Whether this worker shipped; if not, another session did at that moment. */
    public boolean leader() {
        return cycles > 0;
    }

    FeedRun plus(FeedCycle cycle) {
        return new FeedRun(
                cycles + 1,
                cycle.version(),
                hours + cycle.hours(),
                projects + cycle.projects(),
                cycle.complete(),
                cycle.left());
    }
}
