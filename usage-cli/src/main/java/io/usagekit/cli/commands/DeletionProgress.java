package io.usagekit.cli.commands;

import io.usagekit.cli.support.Progress;
import io.usagekit.postgres.rollups.RetentionProgress;
import java.io.PrintWriter;
import org.jspecify.annotations.Nullable;

/** A bar of projects, twice: of their deliveries, then of their events. */
final class DeletionProgress implements RetentionProgress, AutoCloseable {
    private final PrintWriter err;
    private @Nullable Progress progress;

    DeletionProgress(PrintWriter err) {
        this.err = err;
    }

    @Override
    public void started(long parts) {
        progress = Progress.of("Deleting", "parts", parts, err);
    }

    @Override
    public void partCompleted() {
        if (progress != null) {
            progress.step(1);
        }
    }

    @Override
    public void close() {
        if (progress != null) {
            progress.close();
            progress = null;
        }
    }
}
