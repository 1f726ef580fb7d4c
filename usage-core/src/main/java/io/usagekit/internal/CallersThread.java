package io.usagekit.internal;

import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingQueue;
import org.jspecify.annotations.Nullable;

/** The thread of a caller that waits: it runs the steps of its call meanwhile, so that these need no other thread. */
final class CallersThread implements Executor {

    private final BlockingQueue<Runnable> steps = new LinkedBlockingQueue<>();

    @Override
    public void execute(Runnable step) {
        steps.add(step);
    }

    /** Runs steps until the call is over; then as {@link Futures#await}. */
    <T> T await(CompletableFuture<T> call) {
        var unused = call.whenComplete((value, error) -> execute(() -> {}));
        while (!call.isDone()) {
            Runnable step = take();
            if (step == null) {
                break;
            }
            step.run();
        }
        return Futures.await(call);
    }

    /** Returns null if the thread is interrupted, and leaves it so. */
    private @Nullable Runnable take() {
        try {
            return steps.take();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return null;
        }
    }
}
