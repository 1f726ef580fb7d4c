package io.usagekit.spring;

import io.usagekit.postgres.rollups.RetentionDependant;
import io.usagekit.postgres.rollups.RetentionProgress;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;

/** Notifies several listeners of a retention. An exception of one ends it, as the interface says. */
record RetentionListeners(List<RetentionProgress> listeners) {

    /** Returns progress that notifies all of them, and ends the retention between two batches once it is stopped. */
    RetentionProgress until(BooleanSupplier stopped) {
        return new RetentionProgress() {
            @Override
            public void dependantsFound(List<RetentionDependant> dependants) {
                listeners.forEach(listener -> listener.dependantsFound(dependants));
            }

            @Override
            public void started(long parts) {
                listeners.forEach(listener -> listener.started(parts));
            }

            @Override
            public void deleted(long deliveries, long events) {
                listeners.forEach(listener -> listener.deleted(deliveries, events));
                if (stopped.getAsBoolean()) {
                    throw new CancellationException("the application is closed; the next retention goes on");
                }
            }

            @Override
            public void partCompleted() {
                listeners.forEach(RetentionProgress::partCompleted);
            }
        };
    }
}
