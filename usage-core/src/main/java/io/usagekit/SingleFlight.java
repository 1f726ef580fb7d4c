package io.usagekit;

import io.usagekit.internal.InProcessSingleFlight;
import java.util.concurrent.CompletionStage;
import java.util.function.Supplier;

/**
 * Makes concurrent loads of one key run once.
 *
 * <p>Implementations are safe for use by many threads at once and never block the caller.
 *
 * @since 0.1
 */
public interface SingleFlight extends AutoCloseable {

    /**
     * Joins the load of this key that is under way, or starts this one.
     *
     * <p>Everyone who joins gets the outcome of that one load: its figure or its error. An outcome is never handed to a call
     * made after the load has ended; that call starts a new one. What a caller does to the returned stage (cancel it, let it
     * time out) never reaches the load or another caller.
     *
     * @param key which figure
     * @param load starts the load; called at most once, on the caller's thread. It bounds its own time: a stage that never
     *     completes would hold the key for ever. Whatever it throws is its outcome
     */
    CompletionStage<AgedUsage> run(UsageKey key, Supplier<? extends CompletionStage<AgedUsage>> load);

    /** Releases what this itself opened. Idempotent. */
    @Override
    default void close() {}

    /** Single-flight among the threads of this process, without locks and without threads of its own. */
    static SingleFlight inProcess() {
        return new InProcessSingleFlight();
    }
}
