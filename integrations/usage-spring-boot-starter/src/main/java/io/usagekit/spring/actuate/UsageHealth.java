package io.usagekit.spring.actuate;

import io.usagekit.UsageCache;
import io.usagekit.UsageException;
import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresCache;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupStatus;
import io.usagekit.postgres.rollups.spi.FeedStatus;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.spring.MaintenanceJob;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;

/**
 * The state of the usage service, for health indicators and the endpoint. Doesn't wait for the database longer than its timeout: the states of
 * roll-ups and of their feed are read on a thread of their own each, one at a time, and kept for a while.
 */
final class UsageHealth {

    private static final Duration FEED_TIMEOUT = Duration.ofSeconds(30);

    private final UsageService service;
    private final Optional<PostgresCache> postgresCache;
    private final Optional<Reading<RollupStatus>> rollups;
    private final Optional<Reading<FeedStatus>> feed;
    private final List<MaintenanceJob> jobs;
    private final Duration timeout;
    private final Duration maxAge;
    private final Duration maxLag;
    private final LongSupplier ticker;

    UsageHealth(
            UsageService service,
            Optional<PostgresCache> postgresCache,
            Optional<PostgresRollups> rollups,
            Optional<RollupFeed> feed,
            List<MaintenanceJob> jobs,
            Duration timeout,
            Duration maxAge,
            Duration maxLag,
            LongSupplier ticker) {
        this.service = service;
        this.postgresCache = postgresCache;
        this.rollups = rollups.map(source -> new Reading<>(source::status));
        this.feed = feed.map(source -> new Reading<>(() -> source.status(FEED_TIMEOUT)));
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
        long began = System.nanoTime();
        Optional<FutureTask<Optional<RollupStatus>>> ofRollups = rollups.map(Reading::current);
        Optional<FutureTask<Optional<FeedStatus>>> ofFeed = feed.map(Reading::current); // both are read at once
        boolean up = true;
        if (ofRollups.isPresent()) {
            up = add("rollups", ofRollups.get(), began, details, degraded, status -> form(status, degraded));
        }
        if (ofFeed.isPresent()) {
            // Figures are computed without the feed's state: a role may lack the right to read it.
            add("feed", ofFeed.get(), began, details, degraded, status -> form(status, degraded));
        }
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

    /** Adds what is read; returns false if it can't be read until somebody corrects a setting or the schema. */
    private <S> boolean add(
            String name,
            FutureTask<Optional<S>> read,
            long began,
            Map<String, Object> details,
            List<String> degraded,
            Function<S, Map<String, Object>> form) {
        try {
            long left = timeout.toNanos() - (System.nanoTime() - began);
            Optional<S> status = read.get(Math.max(0, left), TimeUnit.NANOSECONDS);
            if (status.isEmpty()) {
                details.put(name, "missing");
                degraded.add(name);
            } else {
                details.put(name, form.apply(status.get()));
            }
        } catch (TimeoutException e) {
            details.put(name, "no answer within " + timeout);
            degraded.add(name);
        } catch (ExecutionException e) {
            Throwable cause = Objects.requireNonNullElse(e.getCause(), e);
            details.put(name, String.valueOf(cause.getMessage()));
            degraded.add(name);
            return !(cause instanceof UsageException error) || error.isTransient();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            details.put(name, "interrupted");
        }
        return true;
    }

    private Map<String, Object> form(RollupStatus status, List<String> degraded) {
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
        if (status.lag().filter(lag -> lag.compareTo(maxLag) <= 0).isEmpty()) {
            degraded.add("lag");
        }
        if (!status.alterations().isEmpty()) {
            degraded.add("triggers");
        }
        return form;
    }

    private Map<String, Object> form(FeedStatus status, List<String> degraded) {
        Map<String, Object> form = new LinkedHashMap<>();
        form.put("intact", status.intact());
        form.put("version", status.published());
        status.publishedAt().ifPresent(at -> form.put("publishedAt", at.toString()));
        form.put("hoursToShip", status.hoursToShip());
        form.put("lag", status.lag().toString());
        if (!status.intact()) {
            degraded.add("feed");
        }
        if (status.lag().compareTo(maxLag) > 0) {
            degraded.add("feedLag");
        }
        return form;
    }

    /** A state that is read from the database. */
    private final class Reading<S> {

        private final Callable<Optional<S>> source;
        private @Nullable FutureTask<Optional<S>> read;
        private long readAt;

        Reading(Callable<Optional<S>> source) {
            this.source = source;
        }

        /** Joins a read that is in flight or young enough, or starts one. */
        synchronized FutureTask<Optional<S>> current() {
            long now = ticker.getAsLong();
            FutureTask<Optional<S>> last = read;
            if (last != null && (!last.isDone() || now - readAt < maxAge.toNanos())) {
                return last;
            }
            FutureTask<Optional<S>> started = new FutureTask<>(source);
            Thread thread = new Thread(started, "usage-health");
            thread.setDaemon(true);
            thread.start();
            read = started;
            readAt = now;
            return started;
        }
    }

    private static String lower(Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }
}
