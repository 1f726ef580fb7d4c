package io.usagekit.internal.flight;

import io.usagekit.AgedUsage;
import io.usagekit.FlightStore;
import io.usagekit.UsageCache;
import io.usagekit.UsageKey;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;

/** A flight store whose answers the test gives, one call after the other; for one thread. */
final class StepwiseStore implements FlightStore {

    /** The calls so far, in order. */
    final List<String> calls = new ArrayList<>();

    boolean invalidatedByCaches;
    /** Fence of the last publication. */
    long publishedFence;

    /** Runs when an invalidation is called. */
    Runnable onInvalidate = () -> {};

    private final Queue<CompletableFuture<Object>> unanswered = new ArrayDeque<>();
    private final List<Runnable> waiting = new ArrayList<>();

    /** Answers the oldest call that has no answer yet. */
    void answer(Object answer) {
        oldest().complete(answer);
    }

    /** Answers a call that returns nothing. */
    void done() {
        oldest().complete(null);
    }

    void fail(Throwable error) {
        oldest().completeExceptionally(error);
    }

    private CompletableFuture<Object> oldest() {
        return Objects.requireNonNull(unanswered.poll(), () -> "no call without an answer; calls: " + calls);
    }

    /** Wakes the loads that wait, as the end of a lease does. */
    void wakeUp() {
        List.copyOf(waiting).forEach(Runnable::run);
    }

    @SuppressWarnings("unchecked") // the test answers with what the call returns
    private <T> CompletionStage<T> called(String call) {
        calls.add(call);
        CompletableFuture<Object> answer = new CompletableFuture<>();
        unanswered.add(answer);
        return (CompletableFuture<T>) answer;
    }

    @Override
    public CompletionStage<Acquisition> acquire(UsageKey key, LeaseRequest request) {
        return called("acquire");
    }

    @Override
    public CompletionStage<Boolean> renew(UsageKey key, String token, Duration lease) {
        return called("renew");
    }

    @Override
    public CompletionStage<Publication> publish(
            UsageKey key, String token, long fence, AgedUsage figure, Duration timeToLive) {
        publishedFence = fence;
        return called("publish");
    }

    @Override
    public CompletionStage<Void> release(UsageKey key, String token) {
        return called("release");
    }

    @Override
    public CompletionStage<Void> fail(UsageKey key, String token, String reason, Duration backOff) {
        return called("fail");
    }

    @Override
    public CompletionStage<Void> invalidate(UsageKey key) {
        onInvalidate.run();
        return called("invalidate");
    }

    @Override
    public CompletionStage<Void> invalidate(String organisationId) {
        return called("invalidate");
    }

    @Override
    public boolean isInvalidatedBy(UsageCache cache) {
        return invalidatedByCaches;
    }

    @Override
    public Registration onWakeUp(UsageKey key, Runnable action) {
        waiting.add(action);
        return () -> waiting.remove(action);
    }
}
