package io.usagekit.postgres.rollups;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageException;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.FigureBatch;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlRow;
import io.usagekit.postgres.internal.SqlStatements;
import io.usagekit.postgres.internal.SqlTemplate;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.rollups.internal.FeedNames;
import io.usagekit.postgres.rollups.internal.ShippedDays;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * The statements that read a figure from roll-ups. The first one names no table of events or deliveries; only if something has to be read live
 * does another one follow, which reads all of the figure in one snapshot, and of those tables the time in question. Where the window isn't
 * over and no table is partitioned, the other one comes first. Immutable.
 */
final class RollupFigureQuery {

    /** Above this share of the window that is live, in percent, the combined query is faster. */
    static final int LIVE_PERCENT = 25;

    /** Above this number of rows in the change log the combined query is faster. */
    static final int CHANGED_EVENTS = 1_000;

    /** How many deliveries of changed events are read at most, whosever they are, besides as many as the organisation has. */
    private static final int FEW_DELIVERIES = 1_000;

    /** How often what is live is looked up, if it changes before it is read. */
    private static final int ATTEMPTS = 5;

    /**
     * Result of the statements.
     *
     * @param totals the figure; empty if too much of the window is live
     * @param liveHours hours that were read live, of all projects together; 0 without a figure
     * @param markedHours how many of them are rolled but marked dirty; 0 without a figure
     * @param intact whether the tables and triggers are as they were recorded; if not, all hours are to be read live
     * @param inDoubt whether hours were read live, and retention has deleted rows in the window, which may be there again
     * @param shipped the days that the figure lacks, since they are left to another store; empty if none may be
     */
    record Answer(
            Optional<CombinedQuery.Totals> totals,
            long liveHours,
            long markedHours,
            boolean intact,
            boolean inDoubt,
            Optional<ShippedDays> shipped) {

        /** That too much of the window is live. */
        static Answer none(boolean intact, boolean inDoubt) {
            return new Answer(Optional.empty(), 0, 0, intact, inDoubt, Optional.empty());
        }

        /** Whether rows that retention has deleted may count in what was read live, or in raw rows that are to be read instead. */
        boolean isDoubtful() {
            return inDoubt || totals.isEmpty();
        }
    }

    /**
     * Results of the statement for several keys, each of which is in one of the two maps.
     *
     * @param failures why the others have no figure, each for itself
     */
    record Answers(Map<UsageKey, Answer> answers, Map<UsageKey, UsageException> failures) {

        /** Returns the keys whose answer {@linkplain Answer#isDoubtful is doubtful}. */
        List<UsageKey> doubtful() {
            return answers.entrySet().stream()
                    .filter(answer -> answer.getValue().isDoubtful())
                    .map(Map.Entry::getKey)
                    .toList();
        }
    }

    /** What the second statement holds only where it is needed, since it names events or deliveries, or where their partitions suit it. */
    enum Part {
        /** Live rows are looked up by their keys: the statement is planned once in a session. */
        LOOKED_UP,
        /** Hours with a delivery of an event in the change log are looked up. */
        CHANGED_HOURS,
        /** Hours with a delivery whose event arrived late are looked up. */
        LATE_HOURS,
        /** The events are partitioned by time: those of live deliveries are looked up near their deliveries. */
        EVENTS_BY_TIME,
        /** The events are partitioned by project, and the projects are few: those of live deliveries are looked up among theirs. */
        EVENTS_BY_PROJECT,
        /** The events that aren't found so are looked up in all partitions. */
        EVENTS_ELSEWHERE,
        /** The deliveries are partitioned by project, and the projects are few. */
        DELIVERIES_BY_PROJECT,
        /** The deliveries are partitioned by time. */
        DELIVERIES_BY_TIME
    }

    /** What has to be read live, around which time, and of which projects, if these are few. */
    private record Live(boolean changes, boolean orphans, Instant from, Instant to, Optional<String> projectIds) {

        /** Around a window, none of whose events has changed or arrived late. */
        static Live in(UsagePeriod window) {
            return new Live(false, false, window.start(), window.end(), Optional.empty());
        }

        /** Planning takes longer than few live rows, of tables without partitions and of events that are as they were rolled. */
        Set<Part> parts(TableShape shape) {
            Set<Part> parts = EnumSet.noneOf(Part.class);
            if (!shape.isPartitioned() && !changes && !orphans) {
                parts.add(Part.LOOKED_UP);
                return parts;
            }
            add(parts, Part.CHANGED_HOURS, changes);
            add(parts, Part.LATE_HOURS, orphans);
            add(parts, Part.EVENTS_BY_TIME, shape.partitionsEventsByTime());
            add(parts, Part.EVENTS_BY_PROJECT, projectIds.isPresent() && shape.partitionsEventsByProject());
            add(parts, Part.DELIVERIES_BY_PROJECT, projectIds.isPresent() && shape.partitionsDeliveriesByProject());
            add(parts, Part.DELIVERIES_BY_TIME, shape.partitionsDeliveriesByTime());
            return parts;
        }

        private static void add(Set<Part> parts, Part part, boolean isThere) {
            if (isThere) {
                parts.add(part);
            }
        }
    }

    /**
     * Result of the second statement.
     *
     * @param isBounded whether it has read all that was live
     * @param missing how many deliveries have their event elsewhere, or none
     */
    private record LiveAnswer(Answer answer, boolean isBounded, long missing) {}

    /** What the first statement finds: the figure, or that there is none, or what has to be read live. */
    private record Coverage(Optional<Answer> answer, Optional<Live> live) {}

    private final SqlStatements statements;
    private final Map<String, String> fragments;
    private final TableShape shape;
    private final String sizes;
    private final int livePercent;
    private final int changedEvents;
    private final boolean leavesShipped;

    private RollupFigureQuery(
            SqlStatements statements,
            Map<String, String> fragments,
            TableShape shape,
            int livePercent,
            int changedEvents) {
        this.statements = statements;
        this.fragments = fragments;
        this.shape = shape;
        this.sizes = CombinedQuery.sizes(shape.mapping());
        this.livePercent = livePercent;
        this.changedEvents = changedEvents;
        this.leavesShipped = fragments.containsKey("shipped-columns");
    }

    static RollupFigureQuery over(RollupSql sql, ProjectScope projects) {
        return over(sql, projects, sql.missing());
    }

    /** Returns the statements whose figures lack the days that are left to another store; none are where this role can't read the feed. */
    static RollupFigureQuery leavingShipped(Connection connection, RollupSql sql, ProjectScope projects)
            throws SQLException {
        return sql.call(connection, "feed-is-readable").answer()
                ? over(sql, projects, RollupSql.with(FeedNames.LEAVING_SHIPPED, sql.missing()))
                : over(sql, projects);
    }

    /** Whether the figures lack such days. */
    boolean leavesShipped() {
        return leavesShipped;
    }

    private static RollupFigureQuery over(RollupSql sql, ProjectScope projects, Map<String, String> fragments) {
        return new RollupFigureQuery(sql.counting(projects), fragments, sql.shape(), LIVE_PERCENT, CHANGED_EVENTS);
    }

    /** Returns the same statements without limits: they have a figure however much is live. */
    RollupFigureQuery always() {
        return new RollupFigureQuery(statements, fragments, shape, Integer.MAX_VALUE, Integer.MAX_VALUE);
    }

    /**
     * Reads the figure of a key.
     *
     * @return empty if the roll-ups were installed for another mapping or by another version
     * @throws UsageCalculationException if a size is neither stored nor measurable, or an edge of the window falls into a quarter of
     *     an hour of which retention has deleted rows
     */
    Optional<Answer> execute(Connection connection, UsageKey key) throws SQLException {
        for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
            Optional<Coverage> coverage = call(connection, key).first(row -> coverage(row, key));
            if (coverage.isEmpty()) {
                return Optional.empty();
            }
            Optional<Live> live = coverage.get().live();
            Optional<Answer> answer = live.isPresent()
                    ? liveAnswer(connection, key, live.get())
                    : coverage.get().answer();
            if (answer.isPresent()) {
                return answer;
            }
        }
        return Optional.of(Answer.none(true, false));
    }

    /**
     * Reads the figure of a key. In a window that isn't over something is live; where no table is partitioned, the statement that reads it is
     * planned once and names few tables, so that it isn't worth finding out first what is live.
     *
     * @return empty if the roll-ups were installed for another mapping or by another version
     * @throws UsageCalculationException as {@link #execute(Connection, UsageKey)}
     */
    Optional<Answer> execute(Connection connection, UsageKey key, Instant now) throws SQLException {
        boolean isOpen = key.period().end().isAfter(now);
        Optional<Answer> answer = isOpen && !shape.isPartitioned()
                ? liveAnswer(connection, key, Live.in(key.period()))
                : Optional.empty();
        return answer.isPresent() ? answer : execute(connection, key);
    }

    private Coverage coverage(SqlRow row, UsageKey key) throws SQLException {
        CombinedQuery.checkRetained(row, String.valueOf(key));
        if (!row.flag("rolled") && row.flag("covering")) {
            Live live = new Live(
                    row.flag("changes"),
                    row.flag("orphans"),
                    row.instant("live_from"),
                    row.instant("live_to"),
                    row.optionalText("project_ids"));
            return new Coverage(Optional.empty(), Optional.of(live));
        }
        return new Coverage(Optional.of(answer(row, key, row.flag("rolled"), false)), Optional.empty());
    }

    /**
     * Reads a figure from roll-ups and live rows.
     *
     * @return empty if something else is live by now
     */
    private Optional<Answer> liveAnswer(Connection connection, UsageKey key, Live live) throws SQLException {
        Set<Part> parts = live.parts(shape);
        if (!parts.contains(Part.LOOKED_UP)) {
            Jdbc.planForValues(connection);
        }
        Optional<LiveAnswer> found = liveCall(connection, key, live, parts).first(row -> liveAnswer(row, key));
        boolean isPruned = parts.contains(Part.EVENTS_BY_TIME) || parts.contains(Part.EVENTS_BY_PROJECT);
        if (isPruned && found.isPresent() && found.get().missing() > 0) {
            parts.add(Part.EVENTS_ELSEWHERE);
            found = liveCall(connection, key, live, parts).first(row -> liveAnswer(row, key));
        }
        return found.filter(LiveAnswer::isBounded).map(LiveAnswer::answer);
    }

    private LiveAnswer liveAnswer(SqlRow row, UsageKey key) throws SQLException {
        CombinedQuery.checkRetained(row, String.valueOf(key));
        return new LiveAnswer(
                answer(row, key, row.flag("covering"), row.flag("retains")),
                row.flag("bounded") || !row.flag("covering"),
                row.number("missing"));
    }

    private Answer answer(SqlRow row, UsageKey key, boolean isFigure, boolean inDoubt) throws SQLException {
        return isFigure
                ? new Answer(
                        Optional.of(CombinedQuery.totals(row, key, sizes)),
                        row.number("live_hours"),
                        row.number("marked_hours"),
                        row.flag("intact"),
                        inDoubt,
                        leavesShipped ? ShippedDays.read(row) : Optional.empty())
                : Answer.none(row.flag("intact"), inDoubt);
    }

    /**
     * Reads the figures of several keys in one snapshot, {@link FigureBatch#MAX} at most. Where the events are partitioned by time, those
     * that need events of all partitions follow in a snapshot of their own.
     *
     * @return empty if the roll-ups were installed for another mapping or by another version
     */
    Optional<Answers> executeAll(Connection connection, List<UsageKey> keys) throws SQLException {
        Answers answers = new Answers(new HashMap<>(), new HashMap<>());
        List<UsageKey> rest = readAll(connection, keys, shape.partitionsEventsByTime(), answers);
        if (!rest.isEmpty()) {
            readAll(connection, rest, false, answers);
        }
        return answers.answers().size() + answers.failures().size()
                        == Set.copyOf(keys).size()
                ? Optional.of(answers)
                : Optional.empty();
    }

    /**
     * Reads figures.
     *
     * @param isNear whether events are looked up in the partitions near their deliveries only
     * @return the keys that need events of all partitions
     */
    private List<UsageKey> readAll(Connection connection, List<UsageKey> keys, boolean isNear, Answers answers)
            throws SQLException {
        List<UsageKey> rest = new ArrayList<>();
        callForAll(connection, keys, isNear).forEach(row -> {
            UsageKey key = keys.get(Math.toIntExact(row.number("n")) - 1);
            if (isNear && row.flag("covering") && (row.flag("orphans") || row.number("missing") > 0)) {
                rest.add(key);
                return;
            }
            try {
                CombinedQuery.checkRetained(row, String.valueOf(key));
                boolean inDoubt = row.flag("retains") && row.number("live_hours") > 0;
                answers.answers().put(key, answer(row, key, row.flag("covering"), inDoubt));
            } catch (UsageException e) {
                answers.failures().put(key, e);
            }
        });
        return rest;
    }

    private SqlCall callForAll(Connection connection, List<UsageKey> keys, boolean isNear) {
        Instant start = FigureBatch.firstStart(keys);
        Instant end = FigureBatch.lastEnd(keys);
        Map<String, String> texts = RollupSql.with(CombinedQuery.texts(shape), bulkFragments(isNear));
        SqlCall call = CombinedQuery.bind(SqlCall.of(connection, template("figures", texts)), keys)
                .instants(
                        "first_hours",
                        keys.stream()
                                .map(key -> RollupSql.nextHour(key.period().start()))
                                .toList())
                .instants(
                        "end_hours",
                        keys.stream()
                                .map(key -> key.period().end().truncatedTo(ChronoUnit.HOURS))
                                .toList())
                .instant("start", start)
                .instant("end", end)
                .number("live_percent", livePercent)
                .number("changed_events", changedEvents);
        return isNear ? CombinedQuery.bindNear(call, start, end) : call;
    }

    /** Returns the fragments of the statement for many requests, by their names. */
    static Map<String, String> bulkFragments(boolean isNear) {
        return Map.of(
                "events-near", isNear ? "{event-is-near}" : "",
                "late-hours", isNear ? "" : "{hours-of-late-events-by-request}");
    }

    /** Returns the first statement, which reads roll-ups alone, bound to a key. */
    SqlCall call(Connection connection, UsageKey key) {
        return bind(SqlCall.of(connection, template("figure", Map.of())), key);
    }

    private SqlCall bind(SqlCall call, UsageKey key) {
        Instant start = key.period().start();
        Instant end = key.period().end();
        return call.text("organisation_id", key.organisationId())
                .instant("start", start)
                .instant("end", end)
                .instant("first_hour", RollupSql.nextHour(start))
                .instant("end_hour", end.truncatedTo(ChronoUnit.HOURS))
                .number("live_percent", livePercent)
                .number("changed_events", changedEvents);
    }

    private SqlCall liveCall(Connection connection, UsageKey key, Live live, Set<Part> parts) {
        SqlCall call = bind(SqlCall.of(connection, template("live-figure", fragments(parts))), key)
                .instant("live_from", live.from())
                .instant("live_to", live.to());
        if (parts.contains(Part.EVENTS_BY_TIME)) {
            CombinedQuery.bindNear(call, live.from(), live.to());
        }
        if (parts.contains(Part.CHANGED_HOURS)) {
            call.number("few_deliveries", FEW_DELIVERIES);
        }
        live.projectIds().ifPresent(ids -> call.texts(Map.of("project_ids", ids)));
        return call;
    }

    private SqlTemplate template(String statement, Map<String, String> parts) {
        return statements.template(statement, RollupSql.with(parts, fragments));
    }

    /** Returns the fragments of the second statement, by their names. */
    static Map<String, String> fragments(Set<Part> parts) {
        boolean isOfProjects = parts.contains(Part.EVENTS_BY_PROJECT) || parts.contains(Part.DELIVERIES_BY_PROJECT);
        String ofProjects = parts.contains(Part.EVENTS_BY_PROJECT) ? "{event-of-projects}" : "";
        String near = parts.contains(Part.EVENTS_BY_TIME) ? "{event-is-near}" : "";
        boolean isElsewhere = parts.contains(Part.EVENTS_ELSEWHERE);
        boolean looksUpChanged = parts.contains(Part.CHANGED_HOURS);
        boolean looksUpLate = parts.contains(Part.LATE_HOURS);
        return Map.ofEntries(
                Map.entry("changed-delivery-relations", looksUpChanged ? "{changed-delivery}" : ""),
                Map.entry("changed-hours", looksUpChanged ? "{hours-of-changed-events}" : ""),
                Map.entry("no-changes", looksUpChanged ? "true" : "{no-changed-events}"),
                Map.entry("late-hours", looksUpLate ? "{hours-of-late-events}" : ""),
                Map.entry("no-orphans", looksUpLate ? "true" : "not exists ({orphans-of-window})"),
                Map.entry(
                        "live-deliveries",
                        parts.contains(Part.LOOKED_UP) ? "{looked-up-deliveries}" : "{joined-deliveries}"),
                Map.entry("events-near", near + " " + ofProjects),
                Map.entry("sent", isElsewhere ? "{sent-of-window-everywhere}" : "{sent-of-window}"),
                Map.entry("events-of-projects", ofProjects),
                Map.entry(
                        "deliveries-of-projects",
                        parts.contains(Part.DELIVERIES_BY_PROJECT) ? "{delivery-of-projects}" : ""),
                Map.entry("project-is-known", isOfProjects ? "{project-is-listed}" : "true"),
                Map.entry(
                        "deliveries-in-window", parts.contains(Part.DELIVERIES_BY_TIME) ? "{delivery-in-window}" : ""));
    }
}
