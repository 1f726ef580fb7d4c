package io.usagekit.cli.demo;

import java.time.Duration;
import java.util.StringJoiner;

/**
 * What became of the callers of one process of the demo's fleet.
 *
 * @param computed how many got what this process computed
 * @param followed how many waited for what another process computed
 * @param found how many found it in Redis
 * @param queries how many figures this process computed
 * @param slowest how long the slowest caller waited
 */
record DemoAnswers(long computed, long followed, long found, long queries, Duration slowest) {

    private static final int FIELDS = 5;

    /** As {@link #toLine} writes it. */
    static DemoAnswers ofLine(String line) {
        String[] fields = line.split(" ", -1);
        if (fields.length != FIELDS) {
            throw new IllegalArgumentException("an answer must have " + FIELDS + " fields, but was '" + line + "'");
        }
        return new DemoAnswers(
                Long.parseLong(fields[0]),
                Long.parseLong(fields[1]),
                Long.parseLong(fields[2]),
                Long.parseLong(fields[3]),
                Duration.ofNanos(Long.parseLong(fields[4])));
    }

    String toLine() {
        return computed + " " + followed + " " + found + " " + queries + " " + slowest.toNanos();
    }

    /** How many have their answer. */
    long callers() {
        return computed + followed + found;
    }

    /** Where the answers came from, for people. */
    String sources() {
        StringJoiner sources = new StringJoiner(", ");
        add(sources, computed, "computed here");
        add(sources, followed, "followed another");
        add(sources, found, "found in Redis");
        return sources.toString();
    }

    private static void add(StringJoiner sources, long count, String source) {
        if (count > 0) {
            sources.add(count + " " + source);
        }
    }
}
