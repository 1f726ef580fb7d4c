package io.usagekit.page;

import io.usagekit.Freshness;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageResults;
import io.usagekit.UsageService;
import io.usagekit.reports.UsageSeriesPoint;
import java.math.BigInteger;
import java.time.Instant;
import java.time.InstantSource;
import java.time.LocalDate;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Collects what the page of a period shows. */
final class StatementPage {

    private static final Logger LOG = LoggerFactory.getLogger(StatementPage.class);
    private static final long WHOLE = 1_000;

    private final UsageService usage;
    private final Optional<Details.Cache> details;
    private final boolean countsDeletedProjects;
    private final boolean hasRows;
    private final InstantSource clock;

    StatementPage(
            UsageService usage,
            Optional<Details.Cache> details,
            boolean countsDeletedProjects,
            boolean hasRows,
            InstantSource clock) {
        this.usage = usage;
        this.details = details;
        this.countsDeletedProjects = countsDeletedProjects;
        this.hasRows = hasRows;
        this.clock = clock;
    }

    /** The page, and why it has no figures; empty if it has, or will have soon. */
    record Outcome(StatementView view, Optional<UsageException> failure) {}

    Outcome view(Links links, UsagePeriod period) {
        Instant now = clock.instant();
        UsageKey key = new UsageKey(links.organisationId(), period);
        UsageKey before = new UsageKey(links.organisationId(), period.previous());
        UsageKey today = new UsageKey(links.organisationId(), UsagePeriod.dayContaining(now, links.zone()));
        UsageResults results = usage.get(links.organisationId(), List.of(period, before.period(), today.period()));
        Optional<UsageException> failure =
                Optional.ofNullable(results.failures().get(key));
        Optional<UsageResult> result = Optional.ofNullable(results.results().get(key));
        Optional<OrganisationUsage> figure = result.flatMap(UsageResult::usage);
        Optional<Details> parts = result.flatMap(known -> details(known, links.zone()));
        StatementView view = new StatementView(
                links,
                Words.period(period),
                figure.isPresent() && !figure.get().isPeriodOver(),
                failure.map(FigureState::failed).orElseGet(() -> FigureState.of(result.orElseThrow(), links.zone())),
                Picker.of(period, links.zone(), now),
                link(links, before.period()),
                period.end().isAfter(now) ? Optional.empty() : Optional.of(link(links, period.next())),
                figure.map(known -> totals(known, before, results)),
                today(today, results),
                figure.flatMap(known -> parts.map(some -> breakdown(known, some, links, now))),
                figure.map(known -> notes(known, parts)).orElse(List.of()),
                links.statement(period.label()),
                links.statementCsv(period.label()));
        return new Outcome(view, failure);
    }

    private static StatementView.Link link(Links links, UsagePeriod period) {
        return new StatementView.Link(links.statement(period.label()), Words.period(period));
    }

    /** Days and projects, where they are known or there is hope of computing them. */
    private Optional<Details> details(UsageResult result, ZoneId zone) {
        if (details.isEmpty() || result.isPending()) {
            return Optional.empty();
        }
        OrganisationUsage figure = result.usage().orElseThrow();
        try {
            return result.freshness() == Freshness.STALE_ON_ERROR
                    ? details.get().known(figure, zone)
                    : Optional.of(details.get().of(figure, zone));
        } catch (UsageException e) {
            LOG.warn("the days and projects of {} can't be shown", figure.key(), e);
            return Optional.empty();
        }
    }

    private static StatementView.Totals totals(OrganisationUsage figure, UsageKey before, UsageResults results) {
        Optional<OrganisationUsage> earlier =
                Optional.ofNullable(results.results().get(before)).flatMap(UsageResult::usage);
        UsageMetrics received = figure.received();
        UsageMetrics sent = figure.sent();
        return new StatementView.Totals(
                total(figure, received, "event", before, earlier.map(OrganisationUsage::received)),
                total(figure, sent, "delivery", before, earlier.map(OrganisationUsage::sent)),
                received.volume() == 0 && sent.volume() == 0);
    }

    private static StatementView.Total total(
            OrganisationUsage figure,
            UsageMetrics metrics,
            String thing,
            UsageKey before,
            Optional<UsageMetrics> earlier) {
        String period = Words.period(before.period());
        String words = earlier.map(known -> {
                    // A month that is under way isn't compared with a whole one.
                    Optional<String> change =
                            figure.isPeriodOver() ? Words.change(known.volume(), metrics.volume()) : Optional.empty();
                    return period + ": " + Words.metrics(known, thing)
                            + change.map(text -> " (" + text + ")").orElse("");
                })
                .orElse(period + ": not known at present");
        return new StatementView.Total(Words.things(metrics.volume(), thing), Metric.of(metrics), words);
    }

    private static StatementView.Today today(UsageKey key, UsageResults results) {
        String day = Words.period(key.period());
        Optional<UsageResult> result = Optional.ofNullable(results.results().get(key));
        Optional<OrganisationUsage> figure = result.flatMap(UsageResult::usage);
        String words = result.map(known -> known.age()
                        .map(age -> "Computed " + Words.ago(age) + ".")
                        .orElse("Being computed."))
                .orElse("Not known at present.");
        return new StatementView.Today(
                day,
                figure.map(known -> Metric.of(known.received())),
                figure.map(known -> Metric.of(known.sent())),
                words);
    }

    private StatementView.Breakdown breakdown(OrganisationUsage figure, Details parts, Links links, Instant now) {
        Statement statement = Statement.of(figure, parts);
        List<StatementView.Project> projects = statement.rows().stream()
                .filter(row -> !row.isChanges())
                .map(row -> project(row, parts.received().bytes()))
                .toList();
        Optional<StatementView.Project> changes = statement.rows().stream()
                .filter(Statement.Row::isChanges)
                .map(row -> project(row, 0))
                .findFirst();
        List<StatementView.Day> days = parts.days().stream()
                .filter(day -> !day.start().isAfter(now))
                .map(day -> day(day, links))
                .toList();
        return new StatementView.Breakdown(days, projects, changes);
    }

    private static StatementView.Project project(Statement.Row row, long whole) {
        String name = row.project().name();
        boolean isNamed = !name.isBlank();
        Optional<String> id =
                isNamed && !row.isChanges() ? Optional.of(row.project().id()) : Optional.empty();
        return new StatementView.Project(
                isNamed ? name : row.project().id(),
                id,
                row.project().deleted(),
                row.received(),
                row.sent(),
                whole == 0 ? 0 : share(row.received().bytes(), whole));
    }

    private static long share(long part, long whole) {
        return BigInteger.valueOf(part)
                .multiply(BigInteger.valueOf(WHOLE))
                .divide(BigInteger.valueOf(whole))
                .longValueExact();
    }

    private StatementView.Day day(UsageSeriesPoint point, Links links) {
        LocalDate day = LocalDate.ofInstant(point.start(), links.zone());
        return new StatementView.Day(
                Words.dayOfWeek(day),
                day.toString(),
                Metric.of(point.received()),
                Metric.of(point.sent()),
                hasRows ? Optional.of(links.events(day, DayEvents.RECEIVED)) : Optional.empty(),
                hasRows ? Optional.of(links.events(day, DayEvents.SENT)) : Optional.empty());
    }

    private List<String> notes(OrganisationUsage figure, Optional<Details> parts) {
        List<String> notes = new ArrayList<>();
        if (figure.unmeasured() > 0) {
            notes.add("The size of " + Words.count(figure.unmeasured(), "row")
                    + " isn't known any more: they are counted with 0 bytes.");
        }
        if (details.isPresent() && parts.isEmpty()) {
            notes.add("Days and projects can't be shown at present; the totals above don't depend on them.");
        }
        if (parts.isPresent()) {
            Projects projects = parts.get().names();
            long deleted = countsDeletedProjects ? projects.deleted(parts.get().projects()) : projects.deleted();
            if (deleted > 0) {
                notes.add(
                        countsDeletedProjects
                                ? "What deleted projects used is part of the figures."
                                : Words.count(deleted, "deleted project") + " of this organisation "
                                        + (deleted == 1 ? "doesn't" : "don't") + " count and "
                                        + (deleted == 1 ? "has" : "have") + " no row.");
            }
        }
        return notes;
    }
}
