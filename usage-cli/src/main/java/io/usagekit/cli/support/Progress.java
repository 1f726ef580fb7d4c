package io.usagekit.cli.support;

import java.io.PrintWriter;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/**
 * How far long work has come: a bar on a terminal, otherwise a line every ten seconds, and so none for what is quick.
 * Thread-safe.
 */
public final class Progress implements AutoCloseable {

    private static final long NANOS_BETWEEN_LINES = TimeUnit.SECONDS.toNanos(10);

    private final String task;
    private final String unit;
    private final long max;
    private final PrintWriter err;
    private final LongSupplier ticker;
    private final @Nullable ProgressBar bar;
    private long done;
    private long lastLineAt;

    private Progress(
            String task, String unit, long max, PrintWriter err, LongSupplier ticker, @Nullable ProgressBar bar) {
        this.task = task;
        this.unit = unit;
        this.max = max;
        this.err = err;
        this.ticker = ticker;
        this.bar = bar;
        this.lastLineAt = ticker.getAsLong();
    }

    /**
     * Begins at 0.
     *
     * @param task what is being done, e.g. {@code Loading}
     * @param unit of what it counts, e.g. {@code events}
     * @param max how many there are; -1 if that isn't known
     */
    public static Progress of(String task, String unit, long max, PrintWriter err) {
        return Terminal.console().isPresent()
                ? new Progress(task, unit, max, err, System::nanoTime, bar(task, unit, max))
                : lines(task, unit, max, err, System::nanoTime);
    }

    /** In lines, with the time of this ticker. */
    static Progress lines(String task, String unit, long max, PrintWriter err, LongSupplier ticker) {
        return new Progress(task, unit, max, err, ticker, null);
    }

    private static ProgressBar bar(String task, String unit, long max) {
        return new ProgressBarBuilder()
                .setTaskName(task)
                .setInitialMax(max)
                .setUnit(" " + unit, 1)
                .setStyle(ProgressBarStyle.ASCII)
                .setUpdateIntervalMillis(200)
                .build();
    }

    /** So many more are done. */
    public synchronized void step(long more) {
        done += more;
        if (bar != null) {
            bar.stepTo(done);
        } else if (ticker.getAsLong() - lastLineAt >= NANOS_BETWEEN_LINES) {
            lastLineAt = ticker.getAsLong();
            String of = max < 0 ? "" : " of " + UsageTables.grouped(max);
            err.println(task + ": " + UsageTables.grouped(done) + of + " " + unit);
        }
    }

    @Override
    public synchronized void close() {
        if (bar != null) {
            bar.close();
        }
    }
}
