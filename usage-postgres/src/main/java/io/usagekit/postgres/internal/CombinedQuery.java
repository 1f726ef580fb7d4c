package io.usagekit.postgres.internal;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.postgres.TableMapping;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** The combined query over mapped tables, with or without the sums of rows that retention has deleted. Thread-safe. */
public final class CombinedQuery {

    /**
     * Figures of several keys, each of which is in one of the two maps.
     *
     * @param failures why the others have none, each for itself
     */
    public record Figures(Map<UsageKey, Totals> totals, Map<UsageKey, UsageException> failures) {}

    /**
     * A figure: what an organisation received and sent.
     *
     * @param unmeasured how many rows count without octets, which can't be known any more
     */
    public record Totals(UsageMetrics received, UsageMetrics sent, long unmeasured) {

        /** A figure of which all octets are known. */
        public Totals(UsageMetrics received, UsageMetrics sent) {
            this(received, sent, 0);
        }

        /** Returns the figure of a key. */
        public OrganisationUsage of(UsageKey key, Instant computedAt) {
            return new OrganisationUsage(key, received, sent, computedAt, unmeasured);
        }
    }

    /** The fragments that say which rows count. */
    private static final List<String> COUNTING = List.of("counted-projects", "event-in-window", "delivery-counts");

    private static final SqlFiles FILES = SqlFiles.of("combined-query.sql");

    /** How much older than its delivery an event may be to be looked for in the partitions near it only. */
    private static final Duration NEAR_BEFORE = Duration.ofDays(7);

    /** How much younger: clocks differ. */
    private static final Duration NEAR_AFTER = Duration.ofDays(1);

    /** What the statement holds so that PostgreSQL leaves partitions out. */
    private enum Part {
        /** The events are partitioned by time: those of deliveries are looked up near the window. */
        EVENTS_BY_TIME,
        /** The events are partitioned by project, and the projects are few. */
        EVENTS_BY_PROJECT,
        /** The deliveries are partitioned by project, and the projects are few. */
        DELIVERIES_BY_PROJECT,
        /** Events that aren't near are looked up in all partitions. */
        EVENTS_ANYWHERE
    }

    /** Makes a statement that has texts of these names in it. */
    @FunctionalInterface
    public interface Source {
        /** Returns it. */
        SqlTemplate template(Map<String, String> texts);
    }

    private final TableShape shape;
    private final Source source;
    private final SqlTemplate listedProjects;
    private final Source bulkSource;
    private final String sizes;
    private final boolean retains;
    private final Map<Set<Part>, SqlTemplate> statements = new ConcurrentHashMap<>();
    private final Map<Boolean, SqlTemplate> bulkStatements = new ConcurrentHashMap<>();

    private CombinedQuery(TableShape shape, ProjectScope projects, Source source, Source bulkSource, boolean retains) {
        this.shape = shape;
        this.source = source;
        this.bulkSource = bulkSource;
        this.sizes = sizes(shape.mapping());
        this.retains = retains;
        this.listedProjects = statements(shape, projects).template("listed-projects");
    }

    /** Whether its tables have the columns of that shape, of the same types. */
    boolean isOver(TableShape other) {
        return shape.types().equals(other.types());
    }

    private static SqlStatements statements(TableShape shape, ProjectScope projects) {
        Map<String, String> names = MappedNames.of(shape);
        names.put("project.counts", MappedNames.counts(shape, projects));
        return SqlStatements.of(FILES, names);
    }

    /** The combined query over mapped tables. */
    public static CombinedQuery over(TableShape shape, ProjectScope projects) {
        SqlStatements statements = statements(shape, projects);
        return new CombinedQuery(
                shape,
                projects,
                texts -> statements.template("combined-query", texts),
                texts -> statements.template("combined-figures", texts),
                false);
    }

    /**
     * The combined query with the sums of rows that retention has deleted.
     *
     * @param source of a statement with the text {@code combined-query}, whose parameters it takes; it returns its columns, and those that
     *     {@link #checkRetained} reads
     * @param bulkSource the same for many requests, with texts of {@link #texts}
     */
    public static CombinedQuery withRetained(
            TableShape shape, ProjectScope projects, Source source, Source bulkSource) {
        SqlStatements statements = SqlStatements.of(FILES, Map.of());
        return new CombinedQuery(
                shape,
                projects,
                texts -> source.template(Map.of("combined-query", statements.text("combined-query", texts))),
                bulkSource,
                true);
    }

    /** The texts of statements and fragments, by their names, as fragments of other statements: names are still to be put in. */
    public static Map<String, String> texts(TableShape shape) {
        return texts(bulkFragments(shape, false));
    }

    /** The same, which look for events outside the windows of a batch near these only. */
    public static Map<String, String> nearTexts(TableShape shape) {
        return texts(bulkFragments(shape, true));
    }

    private static Map<String, String> texts(Map<String, String> fragments) {
        SqlStatements statements = SqlStatements.of(FILES, Map.of());
        Map<String, String> texts = new HashMap<>();
        for (String name : List.of("combined-query", "combined-figures", "requested-organisations")) {
            texts.put(name, statements.text(name, fragments));
        }
        return texts;
    }

    private static Map<String, String> bulkFragments(TableShape shape, boolean isNear) {
        Map<String, String> fragments = new HashMap<>(fragments(shape));
        fragments.put("near-windows", isNear ? "{event-is-near}" : "");
        return fragments;
    }

    /** The texts of the fragments that say which rows count, by their names, as fragments of other statements. */
    public static Map<String, String> counting() {
        SqlStatements statements = SqlStatements.of(FILES, Map.of());
        Map<String, String> texts = new HashMap<>();
        COUNTING.forEach(name -> texts.put(name, statements.text(name, Map.of())));
        return texts;
    }

    private static Map<String, String> fragments(TableShape shape) {
        return MappedNames.isPartlyStored(shape)
                ? Map.of(
                        "window-event",
                        "{window-event-partly-stored}",
                        "window-events",
                        "{window-events-partly-stored}")
                : Map.of();
    }

    /** Returns the name of the column that holds sizes, for error messages. */
    public static String sizes(TableMapping mapping) {
        return mapping.storedBytes().orElse("payload");
    }

    /** Returns the statement that looks for events in all partitions, as it is sent. */
    public String sql() {
        return statement(Set.of()).sql();
    }

    private SqlTemplate statement(Set<Part> parts) {
        return statements.computeIfAbsent(Set.copyOf(parts), key -> source.template(texts(key)));
    }

    private Map<String, String> texts(Set<Part> parts) {
        Map<String, String> texts = new HashMap<>(fragments(shape));
        if (parts.isEmpty()) {
            return texts;
        }
        if (parts.contains(Part.EVENTS_ANYWHERE)) {
            texts.put("sent-elsewhere", "{sent-elsewhere-anywhere}");
        } else if (prunesEvents(parts)) {
            texts.put("sent-elsewhere", "{sent-elsewhere-near}");
        }
        texts.put(
                "near",
                (parts.contains(Part.EVENTS_BY_TIME) ? "{event-is-near}" : "")
                        + (parts.contains(Part.EVENTS_BY_PROJECT) ? " {event-is-of-projects}" : ""));
        if (parts.contains(Part.EVENTS_BY_PROJECT)) {
            texts.put("event-in-window", "{event-in-window-of-projects}");
        }
        if (parts.contains(Part.DELIVERIES_BY_PROJECT)) {
            texts.put("delivery-counts", "{delivery-counts-of-projects}");
        }
        if (parts.contains(Part.EVENTS_BY_PROJECT) || parts.contains(Part.DELIVERIES_BY_PROJECT)) {
            texts.put("projects-are-listed", "{projects-are-in-list}");
        }
        return texts;
    }

    /** Computes the figure of a key; where tables are partitioned, from the partitions near the window if that suffices. */
    public Totals execute(Connection connection, UsageKey key) throws SQLException {
        Optional<String> projects = listedProjects(connection, key);
        Set<Part> parts = parts(projects.isPresent());
        Optional<Totals> near =
                parts.isEmpty() ? Optional.empty() : totals(call(connection, key, parts, projects), key);
        if (near.isPresent()) {
            return near.get();
        }
        if (prunesEvents(parts)) {
            parts.add(Part.EVENTS_ANYWHERE);
        }
        Optional<Totals> anywhere = totals(call(connection, key, parts, projects), key);
        // Left is a project that was added after the list.
        return anywhere.isPresent()
                ? anywhere.get()
                : totals(call(connection, key), key).orElseThrow();
    }

    private static boolean prunesEvents(Set<Part> parts) {
        return parts.contains(Part.EVENTS_BY_TIME) || parts.contains(Part.EVENTS_BY_PROJECT);
    }

    private Set<Part> parts(boolean listsProjects) {
        Set<Part> parts = EnumSet.noneOf(Part.class);
        if (shape.partitionsEventsByTime()) {
            parts.add(Part.EVENTS_BY_TIME);
        }
        if (listsProjects && shape.partitionsEventsByProject()) {
            parts.add(Part.EVENTS_BY_PROJECT);
        }
        if (listsProjects && shape.partitionsDeliveriesByProject()) {
            parts.add(Part.DELIVERIES_BY_PROJECT);
        }
        return parts;
    }

    private Optional<String> listedProjects(Connection connection, UsageKey key) throws SQLException {
        return shape.partitionsEventsByProject() || shape.partitionsDeliveriesByProject()
                ? SqlCall.of(connection, listedProjects)
                        .text("organisation_id", key.organisationId())
                        .one(row -> row.optionalText("project_ids"))
                : Optional.empty();
    }

    /** Returns the figure that a call reads; empty if it didn't look everywhere that it had to. */
    private Optional<Totals> totals(SqlCall call, UsageKey key) throws SQLException {
        return call.one(row -> {
            if (retains) {
                checkRetained(row, String.valueOf(key));
            }
            return row.number("missing") == 0 && row.flag("listed")
                    ? Optional.of(totals(row, key, sizes))
                    : Optional.empty();
        });
    }

    /** Computes the sums of a key, of all rows that have a size; {@code unmeasured} counts the others. */
    public Totals sums(Connection connection, UsageKey key) throws SQLException {
        return call(connection, key)
                .one(row -> new Totals(
                        new UsageMetrics(row.number("received_volume"), row.number("received_bytes")),
                        new UsageMetrics(row.number("sent_volume"), row.number("sent_bytes")),
                        Math.addExact(row.number("unmeasured"), row.number("lost_sizes"))));
    }

    /**
     * Computes the figures of several keys in one snapshot; {@link FigureBatch#MAX} at most. Where the events are partitioned by time, those
     * that need events of all partitions follow in a snapshot of their own.
     */
    public Figures executeAll(Connection connection, List<UsageKey> keys) throws SQLException {
        Figures figures = new Figures(new HashMap<>(), new HashMap<>());
        List<UsageKey> rest = readAll(connection, keys, shape.partitionsEventsByTime(), figures);
        if (!rest.isEmpty()) {
            readAll(connection, rest, false, figures);
        }
        return figures;
    }

    /**
     * Reads figures.
     *
     * @param isNear whether events are looked up in the partitions near the windows only
     * @return the keys that need events of all partitions
     */
    private List<UsageKey> readAll(Connection connection, List<UsageKey> keys, boolean isNear, Figures figures)
            throws SQLException {
        List<UsageKey> rest = new ArrayList<>();
        callForAll(connection, keys, isNear).forEach(row -> {
            UsageKey key = keys.get(Math.toIntExact(row.number("n")) - 1);
            if (isNear && row.number("missing") > 0) {
                rest.add(key);
                return;
            }
            try {
                if (retains) {
                    checkRetained(row, String.valueOf(key));
                }
                figures.totals().put(key, totals(row, key, sizes));
            } catch (UsageException e) {
                figures.failures().put(key, e);
            }
        });
        return rest;
    }

    private SqlCall callForAll(Connection connection, List<UsageKey> keys, boolean isNear) {
        Instant start = FigureBatch.firstStart(keys);
        Instant end = FigureBatch.lastEnd(keys);
        SqlCall call = bind(SqlCall.of(connection, bulkStatements.computeIfAbsent(isNear, this::bulkStatement)), keys)
                .instant("start", start)
                .instant("end", end);
        return isNear ? bindNear(call, start, end) : call;
    }

    private SqlTemplate bulkStatement(boolean isNear) {
        if (!retains) {
            return bulkSource.template(bulkFragments(shape, isNear));
        }
        return bulkSource.template(isNear ? nearTexts(shape) : texts(shape));
    }

    /** Binds {@code near_from} and {@code near_to}: in the partitions between them the events of deliveries in [from, to) are looked up first. */
    public static SqlCall bindNear(SqlCall call, Instant from, Instant to) {
        return call.instant("near_from", from.minus(NEAR_BEFORE)).instant("near_to", to.plus(NEAR_AFTER));
    }

    /** Binds organisations and windows of several keys to the arrays of a statement for many requests. */
    public static SqlCall bind(SqlCall call, List<UsageKey> keys) {
        Map<String, Long> organisations = new LinkedHashMap<>();
        keys.forEach(key -> organisations.putIfAbsent(key.organisationId(), organisations.size() + 1L));
        return call.untypedTexts("organisation_ids", organisations.keySet())
                .numbers(
                        "organisations",
                        keys.stream()
                                .map(key -> organisations.get(key.organisationId()))
                                .toList())
                .instants(
                        "lowers", keys.stream().map(key -> key.period().start()).toList())
                .instants("uppers", keys.stream().map(key -> key.period().end()).toList());
    }

    /** Says that what retention has kept of a project belongs to no organisation that is known, and what to do, for errors. */
    public static String missing(String projectId) {
        return "retention has kept sums of the project \"" + projectId
                + "\" in that time, which the projects don't have any more; if it was renamed or merged with another one, call"
                + " moveRetained with both ids (usage rollups move-retained), and if it was deleted and doesn't count, call"
                + " omitRetained (usage rollups omit-retained)";
    }

    /**
     * Checks that what retention has kept is known to belong to the figure: no edge of the window falls into a quarter of an hour of which
     * only the sum is known, and the projects still have each project of the organisation.
     *
     * @param whose the owner of the rows, for the error message
     * @throws UsageCalculationException if one does, or don't
     */
    public static void checkRetained(SqlRow row, String whose) throws SQLException {
        Optional<String> missing = row.optionalText("missing_project");
        if (missing.isPresent()) {
            throw UsageCalculationException.permanent(
                    "the usage of " + whose + " can't be computed: " + missing(missing.get()), null);
        }
        if (row.flag("cut")) {
            throw new UsageCalculationException(
                    "the usage of " + whose
                            + " can't be computed any more: the window begins or ends within a quarter of an"
                            + " hour of which rows were deleted by retention, which keeps the sum of a quarter only;"
                            + " windows whose edges are at full quarters have a figure",
                    null);
        }
    }

    /**
     * Checks that every row has a size.
     *
     * @param whose the owner of the rows, for the error message
     * @param sizes the name of the column that holds sizes, for the error message
     * @throws UsageCalculationException if one is neither stored nor measurable
     */
    public static void checkMeasured(SqlRow row, String whose, String sizes) throws SQLException {
        long unmeasured = row.number("unmeasured");
        if (unmeasured > 0) {
            throw new UsageCalculationException(
                    unmeasured + " rows of " + whose + " have no size: their \"" + sizes
                            + "\" is null and no payload column is mapped, or a stored size is negative, not a number, or beyond"
                            + " bigint; correct these rows, or map no stored size",
                    null);
        }
    }

    /**
     * Reads the figure in a row.
     *
     * @param sizes the name of the column that holds sizes, for the error message
     * @throws UsageCalculationException if a size is neither stored nor measurable
     */
    public static Totals totals(SqlRow row, UsageKey key, String sizes) throws SQLException {
        checkMeasured(row, String.valueOf(key), sizes);
        return new Totals(
                new UsageMetrics(row.number("received_volume"), row.number("received_bytes")),
                new UsageMetrics(row.number("sent_volume"), row.number("sent_bytes")),
                row.number("lost_sizes"));
    }

    /** Returns the statement bound to a key, with something before it: nothing, or e.g. {@code explain }. */
    public PreparedStatement prepare(Connection connection, UsageKey key, String prefix) throws SQLException {
        return call(connection, key).prepare(prefix);
    }

    private SqlCall call(Connection connection, UsageKey key) {
        return call(connection, key, Set.of(), Optional.empty());
    }

    private SqlCall call(Connection connection, UsageKey key, Set<Part> parts, Optional<String> projects) {
        Instant start = key.period().start();
        Instant end = key.period().end();
        SqlCall call = SqlCall.of(connection, statement(parts))
                .text("organisation_id", key.organisationId())
                .instant("start", start)
                .instant("end", end);
        if (parts.contains(Part.EVENTS_BY_TIME)) {
            bindNear(call, start, end);
        }
        return projects.isPresent() ? call.texts(Map.of("project_ids", projects.get())) : call;
    }
}
