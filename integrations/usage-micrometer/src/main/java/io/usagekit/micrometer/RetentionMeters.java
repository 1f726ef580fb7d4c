package io.usagekit.micrometer;

import io.micrometer.core.instrument.Counter;
import io.usagekit.postgres.rollups.RetentionDependant;
import io.usagekit.postgres.rollups.RetentionProgress;
import java.util.List;

/** A meter for each event of {@link RetentionProgress}. */
final class RetentionMeters implements RetentionProgress {

    private final Counter dependants;
    private final Counter partsStarted;
    private final Counter partsCompleted;
    private final Counter deliveries;
    private final Counter events;

    RetentionMeters(MeterFactory meters) {
        dependants = meters.counter(
                "usagekit.retention.dependants", "Foreign keys that refer to rows that deletions found to be old");
        partsStarted = meters.counter("usagekit.retention.parts.started", "Parts of the deletions that started");
        partsCompleted = meters.counter("usagekit.retention.parts.completed", "Parts that are complete");
        deliveries = deleted(meters, "deliveries");
        events = deleted(meters, "events");
    }

    private static Counter deleted(MeterFactory meters, String table) {
        return meters.with("table", table).counter("usagekit.retention.deleted", "rows", "Rows that were deleted");
    }

    @Override
    public void dependantsFound(List<RetentionDependant> dependants) {
        this.dependants.increment(dependants.size());
    }

    @Override
    public void started(long parts) {
        partsStarted.increment((double) parts);
    }

    @Override
    public void deleted(long deliveries, long events) {
        this.deliveries.increment((double) deliveries);
        this.events.increment((double) events);
    }

    @Override
    public void partCompleted() {
        partsCompleted.increment();
    }
}
