package io.usagekit.postgres.rollups;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlRow;
import io.usagekit.postgres.internal.TableShape;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * Why the sums that retention has kept may not be those of the rows that the tables lack, after a restore of one without the other: rows would
 * count twice, or not at all, and only an operator knows. Then there are no figures, but errors that say what to do.
 */
final class RetainedDoubt {

    private static final Instant FIRST = Instant.parse("0001-01-02T00:00:00Z");
    private static final Instant LAST = Instant.parse("9999-12-30T00:00:00Z");

    /** Which retained quarters of an hour are looked at for rows that are in the same tables again. */
    enum Quarters {
        /** Those that aren't taken from rolled hours: each step looks at what it is about to roll. */
        LIVE("{quarters-read-live}"),
        /** All of the window, where triggers may have missed rows. */
        ALL("{all-quarters}");

        private final String fragment;

        Quarters(String fragment) {
            this.fragment = fragment;
        }

        /** Returns the fragments of the statement that looks at these, of one organisation or of all. */
        Map<String, String> fragments(boolean isOfOne) {
            return Map.of(
                    "quarters",
                    fragment,
                    "organisation.counts",
                    isOfOne ? RollupSql.ONE_ORGANISATION : RollupSql.ALL_ORGANISATIONS,
                    "events-in-chunk",
                    "{event-in-window}",
                    "deliveries-in-chunk",
                    "{delivery-in-window}");
        }
    }

    private RetainedDoubt() {}

    /**
     * Returns why there can be no figure of a key. To be asked after the figure was read: what the figure's snapshot contains is visible by
     * then.
     */
    static Optional<UsageCalculationException> of(Connection connection, RollupSql sql, UsageKey key)
            throws SQLException {
        Window window = Window.of(key);
        return reason(connection, sql, window, Quarters.ALL).map(reason -> refused(key, reason));
    }

    /**
     * Returns why there can be no figure of a key of which some hours were read live, or all, from roll-ups of this version; to be asked
     * after it was read, too.
     */
    static Optional<UsageCalculationException> ofLive(Connection connection, RollupSql sql, UsageKey key)
            throws SQLException {
        return writtenBack(connection, sql, Window.of(key), Quarters.LIVE).map(reason -> refused(key, reason));
    }

    private static UsageCalculationException refused(UsageKey key, String reason) {
        return UsageCalculationException.permanent("the usage of " + key + " can't be computed: " + reason, null);
    }

    /** The time [start, end) of an organisation, or of all. */
    private record Window(Optional<String> organisationId, Instant start, Instant end) {

        static Window of(UsageKey key) {
            return new Window(
                    Optional.of(key.organisationId()),
                    key.period().start(),
                    key.period().end());
        }
    }

    /**
     * Returns why a figure from raw rows would lack retained sums; empty if it lacks none. Other roll-ups of the same tables are found by
     * their triggers: those from before the tables or a schema were renamed.
     *
     * @param holdsUnreadable whether these roll-ups hold some that weren't added
     */
    static Optional<UsageCalculationException> unreadable(
            Connection connection, PostgresRollups.Settings settings, UsageKey key, boolean holdsUnreadable)
            throws SQLException {
        if (holdsUnreadable) {
            return Optional.of(UsageCalculationException.permanent(
                    "the usage of " + key + " can't be computed: the roll-ups in the schema "
                            + settings.quotedSchema()
                            + " hold sums of rows that were deleted by retention, and this role or this version of the"
                            + " library can't read them; grant SELECT on the schema's tables, or call install() again",
                    null));
        }
        return heldByOthers(connection, settings)
                .map(reason -> UsageCalculationException.permanent(
                        "the usage of " + key + " can't be computed: " + reason, null));
    }

    /**
     * Returns why the rows of a key and the sums in the schema of these roll-ups may not add up to its figure, as {@link
     * io.usagekit.postgres.internal.PartitionGuard#retainedDoubt} does. All retained quarters of the window are looked at, which needs no
     * privilege on what says which are rolled.
     */
    static Optional<String> ofRows(Connection connection, PostgresRollups.Settings settings, UsageKey key)
            throws SQLException {
        if (RollupCatalog.holdsRetained(connection, settings.schema())) {
            RollupSql sql = settings.sql(TableShape.readForStorage(connection, settings.mapping()));
            Optional<String> reason = reason(connection, sql, Window.of(key), Quarters.ALL);
            return reason.isPresent() || settings.omitsMissingProjects() || !isOfThisVersion(connection, sql)
                    ? reason
                    : missingProject(connection, sql, settings.projects(), key);
        }
        Optional<String> reason = heldByOthers(connection, settings);
        return reason.isPresent() && !hasTriggers(connection, settings) ? reason : Optional.empty();
    }

    private static Optional<String> missingProject(
            Connection connection, RollupSql sql, ProjectScope projects, UsageKey key) throws SQLException {
        return SqlCall.of(connection, sql.counting(projects).template("missing-project-of"))
                .text("organisation_id", key.organisationId())
                .instant("start", key.period().start())
                .instant("end", key.period().end())
                .one(row -> row.optionalText("missing_project"))
                .map(CombinedQuery::missing);
    }

    private static boolean hasTriggers(Connection connection, PostgresRollups.Settings settings) throws SQLException {
        TableShape shape = TableShape.readForStorage(connection, settings.mapping());
        return RollupCatalog.areTriggersInForce(connection, RollupSql.over(shape, settings.schema()));
    }

    private static Optional<String> heldByOthers(Connection connection, PostgresRollups.Settings settings)
            throws SQLException {
        return RollupCatalog.Others.find(connection, settings.mapping(), settings.schema()).stream()
                .filter(RollupCatalog.Others.Found::holdsRetained)
                .findFirst()
                .map(
                        other -> "the tables have triggers of roll-ups in the schema "
                                + Identifiers.quote(other.schema())
                                + ", which hold sums of rows that were deleted by retention, and those in the schema "
                                + settings.quotedSchema()
                                + " don't have them; call install(), which takes them over where tables or schemas were renamed");
    }

    /** Throws an error where there is a reason why sums by slices of time can't be computed, of one organisation or of all. */
    static void checkSums(Connection connection, RollupSql sql, Optional<String> organisationId, List<Instant> edges)
            throws SQLException {
        Window window = new Window(organisationId, edges.get(0), edges.get(edges.size() - 1));
        Optional<String> reason = reason(connection, sql, window, Quarters.LIVE);
        if (reason.isPresent()) {
            throw UsageCalculationException.permanent("sums can't be computed: " + reason.get(), null);
        }
    }

    /** Throws an error where there is a reason why roll-ups can't be changed, of any time. {@code what} says what fails, for the message. */
    static void check(Connection connection, RollupSql sql, String what) throws SQLException {
        Optional<String> reason = reason(connection, sql, new Window(Optional.empty(), FIRST, LAST));
        if (reason.isPresent()) {
            throw refused(sql, what, reason.get());
        }
    }

    private static UsageStorageException refused(RollupSql sql, String what, String reason) {
        return UsageStorageException.permanent(
                "the roll-ups in the schema " + Identifiers.quote(sql.schema()) + " " + what + ": " + reason, null);
    }

    /**
     * Throws an error where rows that retention had deleted are in the tables again, in the ranges of hours that a step is about to roll.
     *
     * @param chunks of these ranges; none if the tables aren't partitioned
     */
    static void checkRanges(Connection connection, RollupSql sql, List<RollupChunk> chunks) throws SQLException {
        if (!sql.call(connection, "retains-in-ranges").answer()) {
            return;
        }
        List<SqlCall> calls = RollupChunk.isChunked(sql.shape())
                ? chunks.stream()
                        .map(chunk -> chunk.call(connection, sql, "are-ranges-written-back"))
                        .toList()
                : List.of(sql.call(connection, "are-ranges-written-back"));
        for (SqlCall call : calls) {
            if (call.answer()) {
                throw refused(sql, "can't be rolled", writtenBack(sql));
            }
        }
    }

    /** Says that rows which retention had deleted are in the same tables again. */
    static String writtenBack(RollupSql sql) {
        return tables(sql)
                + " has rows again that retention had deleted, which would count twice, as out of an archive or"
                + " a dump of its rows; delete these rows by a statement of your own, or, if the tables hold all rows, call"
                + " removeWithRetained() and install(); if they are other rows with the same ids, call acceptRetained()";
    }

    private static Optional<String> writtenBack(Connection connection, RollupSql sql, Window window, Quarters quarters)
            throws SQLException {
        Map<String, String> fragments =
                RollupSql.with(quarters.fragments(window.organisationId().isPresent()), sql.samples(connection));
        Jdbc.planForValues(connection); // so that the planner leaves partitions out
        SqlCall call = sql.call(connection, "are-written-back", fragments)
                .instant("start", window.start())
                .instant("end", window.end());
        window.organisationId().ifPresent(id -> call.text("organisation_id", id));
        return call.answer() ? Optional.of(writtenBack(sql)) : Optional.empty();
    }

    private static Optional<String> reason(Connection connection, RollupSql sql, Window window, Quarters quarters)
            throws SQLException {
        Optional<String> reason = reason(connection, sql, window);
        return reason.isPresent() || !isOfThisVersion(connection, sql)
                ? reason
                : writtenBack(connection, sql, window, quarters);
    }

    private static String tables(RollupSql sql) {
        return sql.table("events") + " or " + sql.table("deliveries");
    }

    /**
     * Whether there are roll-ups of this version, of whatever mapping: others don't know of which tables their sums are. If their schema was
     * renamed, the functions in it don't find what they name.
     */
    static boolean isOfThisVersion(Connection connection, RollupSql sql) throws SQLException {
        return RollupCatalog.installed(connection, sql)
                .filter(installed -> installed.version() == RollupSql.VERSION)
                .filter(installed -> installed.settings().startsWith(RollupCatalog.schemaSetting(sql.schema())))
                .isPresent();
    }

    private static Optional<String> reason(Connection connection, RollupSql sql, Window window) throws SQLException {
        if (!isOfThisVersion(connection, sql)
                || !sql.call(connection, "has-restored-tables").answer()) {
            return Optional.empty();
        }
        return sql.doubt(connection, window.organisationId())
                .instant("start", window.start())
                .instant("end", window.end())
                .first(row -> reason(row, sql))
                .flatMap(reason -> reason);
    }

    private static Optional<String> reason(SqlRow row, RollupSql sql) throws SQLException {
        String tables = tables(sql);
        String rollups = "the schema " + Identifiers.quote(sql.schema());
        if (row.flag("is_restored")) {
            return Optional.of(rollups
                    + " was restored, and its retained sums lack what retention has deleted since the dump; if retention hasn't run"
                    + " since, or the tables were restored from the same dump, call acceptRetained()");
        }
        if (row.flag("are_rows_back")) {
            return Optional.of(tables
                    + " is another table than that from which retention has deleted rows, and has such rows again, which"
                    + " would count twice, as after a restore; restore " + rollups + " from the same dump and call"
                    + " acceptRetained(), or, if the tables hold all rows, call removeWithRetained() and install()");
        }
        if (row.flag("are_emptied")) {
            return Optional.of(tables
                    + " is another table than that from which retention has deleted rows, and empty, as in the middle of"
                    + " a restore; call install() when it has its rows, or acceptRetained() if it is to be empty");
        }
        return Optional.empty();
    }
}
