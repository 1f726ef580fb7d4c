package io.usagekit.page;

import com.github.benmanes.caffeine.cache.Caffeine;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.reports.ProjectUsage;
import io.usagekit.reports.UsageSeriesPoint;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentMap;

/**
 * The days and projects of a figure.
 *
 * @param days those of the period
 * @param projects those that have used something
 * @param names of the organisation's projects
 */
record Details(List<UsageSeriesPoint> days, List<ProjectUsage> projects, Projects names) {

    /** The sum of what the projects received. */
    UsageMetrics received() {
        return projects.stream().map(ProjectUsage::received).reduce(UsageMetrics.ZERO, UsageMetrics::plus);
    }

    /** The sum of what the projects sent. */
    UsageMetrics sent() {
        return projects.stream().map(ProjectUsage::sent).reduce(UsageMetrics.ZERO, UsageMetrics::plus);
    }

    /**
     * Details of figures, computed once for each computation of a figure and kept beside it: a page of a figure that is three minutes old
     * has days and projects of three minutes ago.
     */
    static final class Cache {

        private static final int MOST = 500;
        private static final Duration LONGEST = Duration.ofHours(6);

        /** Details of a figure that was computed at this time. */
        private record Key(UsageKey figure, Instant createdAt, ZoneId zone) {}

        private final UsageDetails source;
        private final ProjectDirectory directory;
        private final ConcurrentMap<Key, CompletableFuture<Details>> cache = Caffeine.newBuilder()
                .maximumSize(MOST)
                .expireAfterWrite(LONGEST)
                .<Key, CompletableFuture<Details>>build()
                .asMap();

        Cache(UsageDetails source, ProjectDirectory directory) {
            this.source = source;
            this.directory = directory;
        }

        /** Returns the details of the figure if they have been computed; waits for those that are being computed. */
        Optional<Details> known(OrganisationUsage figure, ZoneId zone) {
            return Optional.ofNullable(cache.get(new Key(figure.key(), figure.createdAt(), zone)))
                    .map(Cache::join);
        }

        /**
         * Returns the details of the figure, and computes them where they aren't known; no lock is held meanwhile.
         *
         * @throws io.usagekit.UsageException if they can't be computed
         */
        Details of(OrganisationUsage figure, ZoneId zone) {
            CompletableFuture<Details> own = new CompletableFuture<>();
            Key key = new Key(figure.key(), figure.createdAt(), zone);
            CompletableFuture<Details> other = cache.putIfAbsent(key, own);
            if (other != null) {
                return join(other);
            }
            try {
                own.complete(new Details(
                        source.byDay(figure.key(), zone),
                        used(source.byProject(figure.key())),
                        new Projects(directory, figure.organisationId())));
            } catch (RuntimeException | Error e) {
                cache.remove(key, own); // the next caller computes them
                own.completeExceptionally(e);
            }
            return join(own);
        }

        private static List<ProjectUsage> used(List<ProjectUsage> projects) {
            return projects.stream()
                    .filter(project ->
                            project.received().volume() > 0 || project.sent().volume() > 0)
                    .toList();
        }

        private static Details join(CompletableFuture<Details> details) {
            try {
                return details.join();
            } catch (CompletionException e) {
                if (e.getCause() instanceof RuntimeException cause) {
                    throw cause;
                }
                throw e;
            }
        }
    }
}
