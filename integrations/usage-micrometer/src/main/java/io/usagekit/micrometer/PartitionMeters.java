package io.usagekit.micrometer;

import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tag;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import io.usagekit.postgres.partitions.PartitionProgress;
import java.time.Duration;
import java.util.List;

/**
 * Meters of the progress of {@link io.usagekit.postgres.partitions.PostgresPartitions}: one for each event of {@link PartitionProgress}. No
 * tag names a table or an index. Thread-safe.
 *
 * @since 0.1
 */
public final class PartitionMeters implements PartitionProgress {

    private final Counter backfills;
    private final Counter copied;
    private final Counter indexes;
    private final Counter applied;
    private final Counter waits;
    private final Timer cutOvers;

    private PartitionMeters(MeterFactory meters) {
        backfills =
                meters.counter("usagekit.partitions.backfills", "Backfills of shadow tables that started or continued");
        copied = meters.counter("usagekit.partitions.copied", "rows", "Rows that were copied to shadow tables");
        indexes = meters.counter("usagekit.partitions.indexes", "Indexes that were built on shadow tables");
        applied =
                meters.counter("usagekit.partitions.applied", "changes", "Changes that were applied to shadow tables");
        waits = meters.counter("usagekit.partitions.waits", "Pauses of the work, for locks or other transactions");
        cutOvers = meters.timer(
                "usagekit.partitions.cutovers",
                "How long sessions may have waited while a shadow table replaced a table");
    }

    /** Registers the meters. */
    public static PartitionMeters of(MeterRegistry registry) {
        return of(registry, Tags.empty());
    }

    /** Registers the meters, all of them with these tags. */
    public static PartitionMeters of(MeterRegistry registry, Iterable<Tag> tags) {
        return new PartitionMeters(new MeterFactory(registry, Tags.of(tags)));
    }

    @Override
    public void backfillStarted(String table, long rows, long copied) {
        backfills.increment();
    }

    @Override
    public void rowsCopied(long rows) {
        copied.increment((double) rows);
    }

    @Override
    public void indexStarted(String index) {
        indexes.increment();
    }

    @Override
    public void changesApplied(long changes) {
        applied.increment((double) changes);
    }

    @Override
    public void waiting(List<String> blockers) {
        waits.increment();
    }

    @Override
    public void cutOver(String table, Duration locked) {
        cutOvers.record(locked);
    }
}
