package io.usagekit.clickhouse;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.clickhouse.StateReader.IncompleteException;
import io.usagekit.clickhouse.StateReader.Project;
import io.usagekit.postgres.rollups.spi.CellSums;
import io.usagekit.postgres.rollups.spi.Watermark;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

/**
 * Figures from ClickHouse alone: those of the newest state that all of its shards have, which is complete up to an instant. They equal the
 * figures that the roll-ups had at that instant; {@link OrganisationUsage#createdAt} says when it was.
 *
 * <p>A figure is refused, with a {@link UsageCalculationException} that says why, rather than be a part of a sum: where that state is older than
 * {@code maxLag}, where the window isn't over or not shipped, doesn't begin and end with whole UTC hours, where a shard is away, or where rows are
 * missing, by what has been shipped of their versions. Organisations' ids are compared as PostgreSQL writes them. Immutable and thread-safe; connects
 * to nothing yet.
 *
 * @since 0.1
 */
public final class ClickHouseHistory implements UsageCalculator {

    /** Rows that are missing once may have been superseded and removed meanwhile, or a replica lags. */
    private static final int ATTEMPTS = 2;

    private final ClickHouseJdbc jdbc;
    private final SqlFile statements;
    private final Duration maxLag;
    private final InstantSource clock;

    ClickHouseHistory(ClickHouseJdbc jdbc, SqlFile statements, Duration maxLag, InstantSource clock) {
        this.jdbc = jdbc;
        this.statements = statements;
        this.maxLag = maxLag;
        this.clock = clock;
    }

    @Override
    public OrganisationUsage calculate(UsageKey key, Duration timeout) {
        Slices window = window(key.period());
        Usages found = read("the usage of " + key, window, Optional.of(key.organisationId()), timeout);
        OrganisationSums sums = new OrganisationSums(key.organisationId(), key.period());
        found.projects().forEach(project -> sums.add(found, project));
        return sums.figure(found.state().asOf());
    }

    @Override
    public Duration ageOf(OrganisationUsage figure) {
        Duration age = Duration.between(figure.createdAt(), clock.instant());
        return age.isNegative() ? Duration.ZERO : age;
    }

    /**
     * Computes the figures of every organisation with a project that counts, of one state, for the end of a month; organisations without usage have
     * zeros. Holds the sums of all projects in memory, some hundred octets each.
     *
     * @param timeout of the whole read; 1 ms to 1 day
     * @param each receives each figure, and {@code failed} each organisation's id and why it has none, all in the order of ids by code points. Nothing is
     *     passed on before everything has been read and proved
     * @return the number of organisations that have a figure
     * @throws UsageCalculationException if there are no figures, as for {@link #calculate}
     */
    public long calculateAll(
            UsagePeriod period,
            Duration timeout,
            Consumer<OrganisationUsage> each,
            BiConsumer<String, UsageCalculationException> failed) {
        Objects.requireNonNull(each, "each");
        Objects.requireNonNull(failed, "failed");
        Usages found = read("the usage of all organisations in " + period, window(period), Optional.empty(), timeout);
        long computed = 0;
        List<Project> projects = found.projects();
        for (int from = 0; from < projects.size(); ) {
            String organisationId = projects.get(from).organisationId();
            OrganisationSums sums = new OrganisationSums(organisationId, period);
            for (; from < projects.size() && projects.get(from).organisationId().equals(organisationId); from++) {
                sums.add(found, projects.get(from));
            }
            OrganisationUsage figure;
            try {
                figure = sums.figure(found.state().asOf());
            } catch (UsageCalculationException e) {
                failed.accept(organisationId, e);
                continue;
            }
            computed++;
            each.accept(figure);
        }
        return computed;
    }

    private static Slices window(UsagePeriod period) {
        if (!Slices.isHour(period.start()) || !Slices.isHour(period.end())) {
            throw UsageCalculationException.permanent(
                    "the period " + period + " has no figure from ClickHouse: it begins at " + period.start()
                            + " and ends at " + period.end() + ", and there are sums of whole UTC hours only",
                    null);
        }
        return new Slices(List.of(period.start(), period.end()));
    }

    /** What has been read of a state, and proved. */
    private record Usages(
            StateReader reader, Watermark state, int slices, List<Project> projects, Map<String, CellSums[]> sums) {

        CellSums[] of(Project project) {
            CellSums[] found = sums.get(project.id());
            return found == null ? StateReader.none(slices) : found;
        }
    }

    private Usages read(String what, Slices slices, Optional<String> organisationId, Duration timeout) {
        StateReader reader = new StateReader(jdbc, statements, timeout);
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
        throw new UsageCalculationException(
                what + " can't be computed: ClickHouse lacks rows, or a replica lags: " + String.join("; ", missing)
                        + "; verify what was shipped, and have what differs shipped again",
                null);
    }

    private Watermark state(String what, StateReader reader, Slices window) {
        Watermark state = reader.newest()
                .orElseThrow(() -> new UsageCalculationException(
                        what
                                + " can't be computed: there is no state that all shards of ClickHouse have; one is published"
                                + " whenever nothing is left to ship",
                        null));
        Duration lag = Duration.between(state.asOf(), clock.instant());
        if (lag.compareTo(maxLag) > 0) {
            throw new UsageCalculationException(
                    what + " can't be computed: the newest state that all shards of ClickHouse have is that of "
                            + state.asOf() + ", " + lag + " ago, and maxLag is " + maxLag,
                    null);
        }
        if (window.start().isBefore(state.coveredFrom()) || window.end().isAfter(state.coveredBefore())) {
            throw new UsageCalculationException(
                    what + " can't be computed: the period is from " + window.start() + " to " + window.end()
                            + ", and ClickHouse has the hours from "
                            + (state.coveredFrom().equals(Instant.MIN) ? "the first one" : state.coveredFrom()) + " to "
                            + state.coveredBefore(),
                    null);
        }
        return state;
    }

    /** Adds up the projects of an organisation. */
    private static final class OrganisationSums {

        private final String organisationId;
        private final UsagePeriod period;
        private final List<String> missing = new ArrayList<>();
        private CellSums sums = CellSums.ZERO;
        private boolean isTooLarge;

        OrganisationSums(String organisationId, UsagePeriod period) {
            this.organisationId = organisationId;
            this.period = period;
        }

        void add(Usages found, Project project) {
            CellSums used = found.of(project)[0];
            isTooLarge |= found.reader().isTooLarge(project);
            if (project.isMissing() && !used.equals(CellSums.ZERO)) {
                missing.add(project.id());
            }
            try {
                sums = sums.plus(used);
            } catch (ArithmeticException e) {
                isTooLarge = true;
            }
        }

        OrganisationUsage figure(Instant asOf) {
            if (!missing.isEmpty()) {
                throw refused("retention has kept sums of the project \"" + missing.get(0)
                        + "\" in that time, which the projects don't have any more; call moveRetained or omitRetained of"
                        + " the roll-ups, and have it shipped");
            }
            if (isTooLarge) {
                throw refused("a sum exceeds " + Long.MAX_VALUE + ", the largest figure");
            }
            if (sums.unmeasured() > 0) {
                throw refused(sums.unmeasured() + " rows have no size; correct them in PostgreSQL");
            }
            try {
                return new OrganisationUsage(
                        new UsageKey(organisationId, period),
                        new UsageMetrics(sums.receivedVolume(), sums.receivedBytes()),
                        new UsageMetrics(sums.sentVolume(), sums.sentBytes()),
                        asOf,
                        sums.lostSizes());
            } catch (IllegalArgumentException e) {
                throw refused(String.valueOf(e.getMessage()));
            }
        }

        private UsageCalculationException refused(String why) {
            return UsageCalculationException.permanent(
                    "the usage of " + organisationId + " in " + period + " can't be computed: " + why, null);
        }
    }
}
