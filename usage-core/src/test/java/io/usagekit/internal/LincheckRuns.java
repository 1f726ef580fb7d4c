package io.usagekit.internal;

import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/** What tests do under the model checker. */
public final class LincheckRuns {

    private LincheckRuns() {}

    /** Each on a thread of its own; fails as the first that does. */
    public static void together(Runnable... tasks) {
        AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();
        Thread[] threads = new Thread[tasks.length];
        for (int i = 0; i < tasks.length; i++) {
            Runnable task = tasks[i];
            threads[i] = new Thread(() -> {
                try {
                    task.run();
                } catch (Throwable error) {
                    failure.compareAndSet(null, error);
                }
            });
        }
        try {
            for (Thread thread : threads) {
                thread.start();
            }
            for (Thread thread : threads) {
                thread.join();
            }
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        Throwable first = failure.get();
        if (first != null) {
            throw new AssertionError(first.getMessage(), first);
        }
    }

    /** Plain, since the model checker would explore the inside of an assertion library, too. */
    public static void check(boolean condition, String message) {
        if (!condition) {
            throw new AssertionError(message);
        }
    }
}
