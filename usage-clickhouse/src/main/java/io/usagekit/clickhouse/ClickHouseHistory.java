package io.usagekit.clickhouse;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.clickhouse.HistoryListener.Refusal;
import io.usagekit.clickhouse.StateReader.IncompleteException;
import io.usagekit.clickhouse.StateReader.Project;
import io.usagekit.postgres.rollups.spi.CellSums;
import io.usagekit.postgres.rollups.spi.Watermark;
import io.usagekit.reports.ProjectUsage;
import io.usagekit.reports.UsageReports;
import io.usagekit.reports.UsageSeriesGranularity;
import io.usagekit.reports.UsageSeriesPoint;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Figures, series and reports from ClickHouse alone: those of the newest state that all of its shards have, which is complete up to an instant.
 * They equal those that the roll-ups had at that instant; {@link OrganisationUsage#createdAt} says when it was.
 *
 * <p>A figure is refused, with a {@link UsageCalculationException} that says why, rather than be a part of a sum: where that state is older than
 * {@code maxLag}, where the window isn't over or not shipped, doesn't begin and end with whole UTC hours, where a shard is away, or where rows are
 * missing, by what has been shipped of their versions. Organisations' ids are compared as PostgreSQL writes them. Immutable and thread-safe; connects
 * to nothing yet.
 *
 * @since 0.1
 */
public final class ClickHouseHistory implements UsageCalculator, UsageReports {

    /** Rows that are missing once may have been superseded and removed meanwhile, or a replica lags. */
    private static final int ATTEMPTS = 2;

    private final ClickHouseJdbc jdbc;
    private final SqlFile statements;
    private final Duration maxLag;
    private final InstantSource clock;
    private final HistoryNotifier notifier;

    ClickHouseHistory(
            ClickHouseJdbc jdbc, SqlFile statements, Duration maxLag, InstantSource clock, HistoryListener listener) {
        this.jdbc = jdbc;
        this.statements = statements;
        this.maxLag = maxLag;
        this.clock = clock;
        this.notifier = new HistoryNotifier(listener);
    }

    @Override
    public OrganisationUsage calculate(UsageKey key, Duration timeout) {
        Usages found = read(key, edges(key.period()), timeout);
        OrganisationUsage figure = sums(key, found).figure(found.state().asOf());
        notifier.computed(ageOf(figure));
        return figure;
    }

    @Override
    public Duration ageOf(OrganisationUsage figure) {
        return age(figure.createdAt());
    }

    private Duration age(Instant asOf) {
        Duration age = Duration.between(asOf, clock.instant());
        return age.isNegative() ? Duration.ZERO : age;
    }

    /**
     * {@inheritDoc} Holds the sums of all projects in memory, some hundred octets each; nothing is passed on before everything has been read and
     * proved.
     *
     * @throws UsageCalculationException as {@link #calculate}
     */
    @Override
    public long calculateAll(
            UsagePeriod period,
            Duration timeout,
            Consumer<OrganisationUsage> each,
            BiConsumer<String, UsageCalculationException> failed) {
        Objects.requireNonNull(each, "each");
        Objects.requireNonNull(failed, "failed");
        String what = "the usage of all organisations in " + period;
        Usages found = read(what, slices(what, edges(period)), Optional.empty(), timeout);
        notifier.computed(age(found.state().asOf()));
        long computed = 0;
        List<Project> projects = found.projects();
        for (int from = 0; from < projects.size(); ) {
            OrganisationSums sums =
                    new OrganisationSums(notifier, projects.get(from).organisationId(), period, 1);
            for (; from < projects.size() && sums.isOf(projects.get(from)); from++) {
                sums.add(found, projects.get(from));
            }
            OrganisationUsage figure;
            try {
                figure = sums.figure(found.state().asOf());
            } catch (UsageCalculationException e) {
                failed.accept(sums.organisationId, e);
                continue;
            }
            computed++;
            each.accept(figure);
        }
        return computed;
    }

    /**
     * {@inheritDoc} Refuses points that don't begin with whole UTC hours, such as days of a zone at half an hour.
     *
     * @throws UsageCalculationException as {@link #calculate}
     */
    @Override
    public List<UsageSeriesPoint> series(
            UsageKey key, UsageSeriesGranularity granularity, ZoneId zone, Duration timeout) {
        List<Instant> edges = granularity.edges(key.period(), zone);
        Usages found = read(key, edges, timeout);
        CellSums[] sums = sums(key, found).complete();
        notifier.computed(age(found.state().asOf()));
        List<UsageSeriesPoint> points = new ArrayList<>();
        for (int i = 0; i < sums.length; i++) {
            points.add(new UsageSeriesPoint(
                    edges.get(i), edges.get(i + 1), received(sums[i]), sent(sums[i]), sums[i].lostSizes()));
        }
        return List.copyOf(points);
    }

    /**
     * {@inheritDoc} They are in the order of ids by code points.
     *
     * @throws UsageCalculationException as {@link #calculate}
     */
    @Override
    public List<ProjectUsage> byProject(UsageKey key, Duration timeout) {
        Usages found = read(key, edges(key.period()), timeout);
        sums(key, found).complete();
        notifier.computed(age(found.state().asOf()));
        return found.projects().stream()
                .filter(project -> !project.isMissing())
                .map(project -> usage(project, found.of(project)[0]))
                .toList();
    }

    private static ProjectUsage usage(Project project, CellSums sums) {
        return new ProjectUsage(project.id(), received(sums), sent(sums), sums.lostSizes());
    }

    private static UsageMetrics received(CellSums sums) {
        return new UsageMetrics(sums.receivedVolume(), sums.receivedBytes());
    }

    private static UsageMetrics sent(CellSums sums) {
        return new UsageMetrics(sums.sentVolume(), sums.sentBytes());
    }

    private static List<Instant> edges(UsagePeriod period) {
        return List.of(period.start(), period.end());
    }

    private Slices slices(String what, List<Instant> edges) {
        for (Instant edge : edges) {
            if (!Slices.isHour(edge)) {
                throw notifier.refused(
                        Refusal.DIVIDED_HOUR,
                        UsageCalculationException.permanent(
                                what + " can't be computed from ClickHouse: it is divided at " + edge
                                        + ", and there are sums of whole UTC hours only",
                                null));
            }
        }
        return new Slices(edges);
    }

    /** What has been read of a state, and proved. */
    private record Usages(
            StateReader reader, Watermark state, int slices, List<Project> projects, Map<String, CellSums[]> sums) {

        CellSums[] of(Project project) {
            CellSums[] found = sums.get(project.id());
            return found == null ? StateReader.none(slices) : found;
        }
    }

    private Usages read(UsageKey key, List<Instant> edges, Duration timeout) {
        String what = "the usage of " + key;
        return read(what, slices(what, edges), Optional.of(key.organisationId()), timeout);
    }

    private Usages read(String what, Slices slices, Optional<String> organisationId, Duration timeout) {
        StateReader reader = new StateReader(jdbc, statements, timeout, notifier);
        List<String> missing = new ArrayList<>();
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            Watermark state = state(what, reader, slices);
            try {
                List<Project> projects = reader.projects(state, organisationId);
                Optional<Collection<String>> ids = organisationId.map(
                        id -> projects.stream().map(Project::id).toList());
                return new Usages(reader, state, slices.count(), projects, reader.sums(state, slices, ids));
            } catch (IncompleteException e) {
                missing.add("in version " + state.version() + " " + e.getMessage());
            }
        }
        throw refused(
                Refusal.INCOMPLETE,
                what + " can't be computed: ClickHouse lacks rows, or a replica lags: " + String.join("; ", missing)
                        + "; verify what was shipped, and have what differs shipped again");
    }

    private Watermark state(String what, StateReader reader, Slices window) {
        Watermark state = reader.newest()
                .orElseThrow(() -> refused(
                        Refusal.NO_STATE,
                        what
                                + " can't be computed: there is no state that all shards of ClickHouse have; one is published"
                                + " whenever nothing is left to ship"));
        Duration lag = Duration.between(state.asOf(), clock.instant());
        if (lag.compareTo(maxLag) > 0) {
            throw refused(
                    Refusal.TOO_OLD,
                    what + " can't be computed: the newest state that all shards of ClickHouse have is that of "
                            + state.asOf() + ", " + lag + " ago, and maxLag is " + maxLag);
        }
        if (window.start().isBefore(state.coveredFrom()) || window.end().isAfter(state.coveredBefore())) {
            throw refused(
                    Refusal.NOT_COVERED,
                    what + " can't be computed: the period is from " + window.start() + " to " + window.end()
                            + ", and ClickHouse has the hours from "
                            + (state.coveredFrom().equals(Instant.MIN) ? "the first one" : state.coveredFrom()) + " to "
                            + state.coveredBefore());
        }
        return state;
    }

    private UsageCalculationException refused(Refusal reason, String message) {
        return notifier.refused(reason, new UsageCalculationException(message, null));
    }

    /** Adds up what was read of one organisation. */
    private OrganisationSums sums(UsageKey key, Usages found) {
        OrganisationSums sums = new OrganisationSums(notifier, key.organisationId(), key.period(), found.slices());
        found.projects().forEach(project -> sums.add(found, project));
        return sums;
    }

    /** Adds up the projects of an organisation, by slices. */
    private static final class OrganisationSums {

        private final HistoryNotifier notifier;
        private final String organisationId;
        private final UsagePeriod period;
        private final CellSums[] sums;
        private @Nullable Project missing;
        private boolean isTooLarge;

        OrganisationSums(HistoryNotifier notifier, String organisationId, UsagePeriod period, int slices) {
            this.notifier = notifier;
            this.organisationId = organisationId;
            this.period = period;
            this.sums = StateReader.none(slices);
        }

        boolean isOf(Project project) {
            return project.organisationId().equals(organisationId);
        }

        void add(Usages found, Project project) {
            isTooLarge |= found.reader().isTooLarge(project);
            CellSums[] used = found.of(project);
            for (int i = 0; i < sums.length; i++) {
                if (project.isMissing() && missing == null && !used[i].equals(CellSums.ZERO)) {
                    missing = project;
                }
                try {
                    sums[i] = sums[i].plus(used[i]);
                } catch (ArithmeticException e) {
                    isTooLarge = true;
                }
            }
        }

        /** Returns the sums of the slices; an error if the organisation has no figure of one. */
        CellSums[] complete() {
            if (missing != null) {
                throw refused("retention has kept sums of the project \"" + missing.id()
                        + "\" in that time, which the projects don't have any more; call moveRetained or omitRetained of"
                        + " the roll-ups, and have it shipped");
            }
            if (isTooLarge) {
                throw refused("a sum exceeds " + Long.MAX_VALUE + ", the largest figure");
            }
            for (CellSums sum : sums) {
                if (sum.unmeasured() > 0) {
                    throw refused(sum.unmeasured() + " rows have no size; correct them in PostgreSQL");
                }
            }
            return sums;
        }

        OrganisationUsage figure(Instant asOf) {
            CellSums whole = complete()[0];
            try {
                return new OrganisationUsage(
                        new UsageKey(organisationId, period), received(whole), sent(whole), asOf, whole.lostSizes());
            } catch (IllegalArgumentException e) {
                throw refused(String.valueOf(e.getMessage()));
            }
        }

        private UsageCalculationException refused(String why) {
            return notifier.refused(
                    Refusal.NO_FIGURE,
                    UsageCalculationException.permanent(
                            "the usage of " + organisationId + " in " + period + " can't be computed: " + why, null));
        }
    }
}
