package io.usagekit.internal.flight;

import io.usagekit.LoadOutcome;
import io.usagekit.LoadOutcome.Origin;
import org.jspecify.annotations.Nullable;

/** An in-flight load that shares nothing with other processes: it computes, stores and completes. */
final class LocalFlight extends Flight {

    LocalFlight(Start start) {
        super(start);
    }

    @Override
    void begin() {
        step(task()::compute, this::computed);
    }

    private void computed(@Nullable LoadOutcome outcome, @Nullable Throwable error) {
        if (outcome == null) {
            fail(noFigure(error));
        } else if (isCompleted()) {
            return;
        } else if (outcome.origin() != Origin.COMPUTED) {
            complete(outcome);
        } else if (beginStore()) {
            this.<Void>step(() -> task().store(outcome), (done, failure) -> {
                endStore();
                complete(outcome);
            });
            if (!task().isStoreAwaited()) {
                complete(outcome);
            }
        } else {
            task().publicationRejected();
            complete(outcome);
        }
    }
}
