package io.usagekit.cli.demo;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** Callers who all ask at once, each on a thread of its own that is running already. */
final class Burst implements AutoCloseable {

    private final ExecutorService threads;
    private final CountDownLatch ready;
    private final CountDownLatch go = new CountDownLatch(1);
    private final List<Future<?>> answers = new ArrayList<>();

    private Burst(int callers) {
        this.threads = Executors.newFixedThreadPool(callers);
        this.ready = new CountDownLatch(callers);
    }

    /** They stand ready; nobody has asked yet. */
    static Burst ready(int callers, Callable<?> question) throws InterruptedException {
        Burst burst = new Burst(callers);
        for (int i = 0; i < callers; i++) {
            burst.answers.add(burst.threads.submit(() -> {
                burst.ready.countDown();
                burst.go.await();
                return question.call();
            }));
        }
        burst.ready.await();
        return burst;
    }

    /**
     * Lets them ask.
     *
     * @return how long it took until the slowest had its answer
     * @throws IllegalStateException if one got an error instead, which is the cause
     */
    Duration go() throws InterruptedException {
        long began = System.nanoTime();
        go.countDown();
        try {
            for (Future<?> answer : answers) {
                answer.get();
            }
        } catch (ExecutionException e) {
            throw new IllegalStateException(e.getCause());
        }
        return Duration.ofNanos(System.nanoTime() - began);
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}
