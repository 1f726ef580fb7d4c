package io.usagekit.benchmarks;

import java.util.Arrays;

/** One of those that are compared: measured for a short while, again and again. */
interface Peer {

    /** What it does. */
    String name();

    /** Does it for a short while, and says how many nanoseconds it takes once. */
    double measure();

    /** Does it so many times; the loop is the peer's own, so that it is compiled for that peer alone. */
    @FunctionalInterface
    interface Loop {
        void run(int times);
    }

    /** Does it once; the number never comes again. */
    @FunctionalInterface
    interface Operation {
        void run(int number);
    }

    /** The mean over so many times in a row: for what is too quick to be timed singly. */
    static Peer mean(String name, int times, Loop loop) {
        return of(name, slice -> {
            long began = System.nanoTime();
            loop.run(times);
            return (double) (System.nanoTime() - began) / times;
        });
    }

    /** The median of so many, each timed singly. */
    static Peer median(String name, int times, Operation operation) {
        return of(name, slice -> {
            long[] took = new long[times];
            for (int i = 0; i < times; i++) {
                long began = System.nanoTime();
                operation.run(slice * times + i);
                took[i] = System.nanoTime() - began;
            }
            Arrays.sort(took);
            return took[times / 2];
        });
    }

    /** Measures one slice, of this number. */
    @FunctionalInterface
    interface Slice {
        double measure(int number);
    }

    private static Peer of(String name, Slice slice) {
        return new Peer() {
            private int slices;

            @Override
            public String name() {
                return name;
            }

            @Override
            public double measure() {
                return slice.measure(slices++);
            }
        };
    }
}
