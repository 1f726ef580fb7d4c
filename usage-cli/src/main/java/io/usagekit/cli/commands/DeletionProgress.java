package io.usagekit.cli.commands;

import io.usagekit.cli.support.Progress;
import io.usagekit.postgres.rollups.RetentionDependant;
import io.usagekit.postgres.rollups.RetentionProgress;
import java.io.PrintWriter;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A bar of projects, twice: of their deliveries, then of their events. */
final class DeletionProgress implements RetentionProgress, AutoCloseable {
    private final PrintWriter err;
    private @Nullable Progress progress;

    DeletionProgress(PrintWriter err) {
        this.err = err;
    }

    @Override
    public void dependantsFound(List<RetentionDependant> dependants) {
        for (RetentionDependant dependant : dependants) {
            if (!dependant.indexed()) {
                err.println("The foreign key " + dependant.foreignKey() + " of " + dependant.table()
                        + " has no index: each deleted row of " + dependant.refersTo() + " costs a scan of the table.");
            }
        }
        err.flush();
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
