package io.usagekit.postgres.testing;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;

/** The cases that a random suite runs with: all in {@code -Pthorough}, or to repeat a seed; else some, chosen at random. */
public final class Sample {

    private Sample() {}

    /** Returns all cases, or as many as this. */
    public static <T> Stream<T> of(List<T> all, int size) {
        if (Boolean.getBoolean("usagekit.thorough") || Long.getLong("usagekit.seed") != null) {
            return all.stream();
        }
        List<T> shuffled = new ArrayList<>(all);
        Collections.shuffle(shuffled, new Random());
        return shuffled.stream().limit(size);
    }
}
