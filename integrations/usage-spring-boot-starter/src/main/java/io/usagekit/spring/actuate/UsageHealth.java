package io.usagekit.spring.actuate;

import io.usagekit.UsageCache;
import io.usagekit.UsageException;
import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresCache;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupStatus;
import io.usagekit.spring.MaintenanceJob;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The state of the usage service, for health indicators and the endpoint. Doesn't wait for the database longer than its timeout: the state of
 * roll-ups is read on a thread of its own, one at a time, and kept for a while.
 */
final class UsageHealth {

    private final UsageService service;
    private final Optional<PostgresCache> postgresCache;
    private final Optional<PostgresRollups> rollups;
    private final List<MaintenanceJob> jobs;
    private final Duration timeout;
    private final Duration maxAge;
    private final Duration maxLag;
    private final LongSupplier ticker;

    private @Nullable FutureTask<Optional<RollupStatus>> read;
    private long readAt;

    UsageHealth(
            UsageService service,
            Optional<PostgresCache> postgresCache,
            Optional<PostgresRollups> rollups,
            List<MaintenanceJob> jobs,
            Duration timeout,
            Duration maxAge,
            Duration maxLag,
            LongSupplier ticker) {
        this.service = service;
        this.postgresCache = postgresCache;
        this.rollups = rollups;
        this.jobs = List.copyOf(jobs);
        this.timeout = timeout;
        this.maxAge = maxAge;
        this.maxLag = maxLag;
        this.ticker = ticker;
    }

    /**
     * What is known.
     *
     * @param up false if an error of settings or of the schema keeps figures from being computed
     * @param details for operators; {@code degraded} lists what doesn't work and only makes figures slower or older
     */
    record Report(boolean up, Map<String, Object> details) {}

    /** Returns what is known now, within the timeout. */
    Report report() {
        Map<String, Object> details = new LinkedHashMap<>();
        List<String> degraded = new ArrayList<>();
        UsageService.Stats stats = service.stats();
        details.put("degraded", degraded);
        if (postgresCache.isPresent()) {
            add("postgresCache", stats.cache().shared(), details, degraded);
            add("wakeUps", postgresCache.get().stats().listening(), details, degraded);
        } else {
            add("redis", stats.cache().shared(), details, degraded);
            add("tracking", stats.cache().tracking(), details, degraded);
        }
        details.put("permits", stats.permitsInUse() + "/" + stats.permits());
        details.put("queued", stats.queued() + "/" + stats.maxQueued());
        details.put("loads", stats.loads());
        jobs.forEach(job -> add(job, details, degraded));
        boolean up = rollups.isEmpty() || addRollups(rollups.get(), details, degraded);
        return new Report(up, details);
    }

    private static void add(
            String name, UsageCache.Condition condition, Map<String, Object> details, List<String> degraded) {
        details.put(name, lower(condition));
        if (condition == UsageCache.Condition.DOWN) {
            degraded.add(name);
        }
    }

    private static void add(MaintenanceJob job, Map<String, Object> details, List<String> degraded) {
        Optional<MaintenanceJob.LastRun> last = job.lastRun();
        if (last.isEmpty()) {
            details.put(job.name(), "not run yet");
            return;
        }
        MaintenanceJob.LastRun run = last.get();
        Map<String, Object> form = new LinkedHashMap<>();
        form.put("outcome", lower(run.outcome()));
        form.put("startedAt", run.startedAt().toString());
        form.put("took", run.took().toString());
        form.put("details", run.details());
        details.put(job.name(), form);
        if (run.outcome() == MaintenanceJob.Outcome.FAILED || run.outcome() == MaintenanceJob.Outcome.INCOMPLETE) {
            degraded.add(job.name());
        }
    }

    private boolean addRollups(PostgresRollups source, Map<String, Object> details, List<String> degraded) {
        try {
            Optional<RollupStatus> status = reading(source).get(timeout.toNanos(), TimeUnit.NANOSECONDS);
            if (status.isEmpty()) {
                details.put("rollups", "missing");
                degraded.add("rollups");
            } else {
                add(status.get(), details, degraded);
            }
        } catch (TimeoutException e) {
            details.put("rollups", "no answer within " + timeout);
            degraded.add("rollups");
        } catch (ExecutionException e) {
            Throwable cause = Objects.requireNonNullElse(e.getCause(), e);
            details.put("rollups", String.valueOf(cause.getMessage()));
            degraded.add("rollups");
            return !(cause instanceof UsageException error) || error.isTransient();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            details.put("rollups", "interrupted");
        }
        return true;
    }

    private void add(RollupStatus status, Map<String, Object> details, List<String> degraded) {
        Map<String, Object> form = new LinkedHashMap<>();
        status.coveredBefore().ifPresent(at -> form.put("coveredBefore", at.toString()));
        status.lag().ifPresent(lag -> form.put("lag", lag.toString()));
        form.put("markedHours", status.markedHours());
        form.put("changedEvents", status.changedEvents());
        form.put("projectsToBackfill", status.projectsToBackfill());
        form.put("alterations", status.alterations());
        form.put(
                "missingIndexes",
                status.missingIndexes().stream().map(Object::toString).toList());
        details.put("rollups", form);
        if (status.lag().filter(lag -> lag.compareTo(maxLag) <= 0).isEmpty()) {
            degraded.add("lag");
        }
        if (!status.alterations().isEmpty()) {
            degraded.add("triggers");
        }
    }

    /** Joins a read that is in flight or young enough, or starts one. */
    private synchronized FutureTask<Optional<RollupStatus>> reading(PostgresRollups source) {
        long now = ticker.getAsLong();
        FutureTask<Optional<RollupStatus>> current = read;
        if (current != null && (!current.isDone() || now - readAt < maxAge.toNanos())) {
            return current;
        }
        FutureTask<Optional<RollupStatus>> started = new FutureTask<>(source::status);
        Thread thread = new Thread(started, "usage-health");
        thread.setDaemon(true);
        thread.start();
        read = started;
        readAt = now;
        return started;
    }

    private static String lower(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }
}
