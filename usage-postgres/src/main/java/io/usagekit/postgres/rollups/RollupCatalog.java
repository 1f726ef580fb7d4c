package io.usagekit.postgres.rollups;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.IndexStatus;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Index;
import io.usagekit.postgres.internal.IndexBuilder;
import io.usagekit.postgres.internal.IndexDdl;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.MappedNames;
import io.usagekit.postgres.internal.SchemaInstaller;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.rollups.internal.FeedNames;
import io.usagekit.postgres.rollups.internal.FeedSource;
import io.usagekit.postgres.rollups.internal.PostgresRollupFeed;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Reads which roll-ups are installed, and their state. */
final class RollupCatalog {

    /** The version and the settings with which roll-ups were installed. */
    record Installed(long version, String settings) {

        /** Whether they were installed by this version of the library, with the settings of these statements. */
        boolean isCurrent(RollupSql sql) {
            return version == RollupSql.VERSION && settings.equals(sql.settings());
        }
    }

    /** How the lines of settings begin that a mapping determines without its tables. */
    private static final List<String> MAPPING_LINES = List.of("events: ", "deliveries: ", "their ", "delivered: ");

    /** Number of triggers on the two tables themselves. */
    private static final int TRIGGERS = 8;

    private RollupCatalog() {}

    /**
     * Returns the statements for the installed roll-ups.
     *
     * @return empty unless they were installed by this version of the library, for this mapping and shape of the tables
     */
    static Optional<RollupSql> current(Connection connection, PostgresRollups.Settings settings, TableShape shape)
            throws SQLException {
        RollupSql sql = settings.sql(shape);
        return installed(connection, sql)
                .filter(installed -> installed.isCurrent(sql))
                .map(installed -> sql);
    }

    /**
     * Returns the statements for the installed roll-ups.
     *
     * @throws UsageStorageException if there are none of this version and mapping
     */
    static RollupSql readCurrent(PostgresRollups.Settings settings, Jdbc jdbc, Duration timeout) throws SQLException {
        return jdbc.transaction(Jdbc.Mode.READ_ONLY, timeout, connection -> presentSql(connection, settings));
    }

    /** Returns the feed of another store. */
    static RollupFeed feed(PostgresRollups.Settings settings) {
        FeedSource source = new FeedSource(
                new Jdbc(settings.dataSource()),
                settings.mapping().schema(),
                settings.schema(),
                settings.clock(),
                connection -> presentSql(connection, settings)
                        .counting(settings.projects())
                        .with(FeedNames.omittingMissing(settings.omitsMissingProjects())),
                connection -> isEveryChangeTracked(connection, presentSql(connection, settings)),
                connection -> IdTypes.of(connection, presentSql(connection, settings))
                        .projectId()
                        .definition());
        return new PostgresRollupFeed(
                source,
                () -> new RollupCalculator(settings, System::nanoTime, true),
                () -> new RollupCalculator(settings, System::nanoTime, false),
                store -> new UsageSeries(
                        settings.clock(), timeout -> new StoreSums(settings, source.jdbc(), timeout, store)));
    }

    private static RollupSql presentSql(Connection connection, PostgresRollups.Settings settings) throws SQLException {
        return current(connection, settings, TableShape.readForStorage(connection, settings.mapping()))
                .orElseThrow(() -> UsageStorageException.permanent(settings.nothingCurrent(), null));
    }

    /** Returns what is installed; empty if there are no roll-ups. */
    static Optional<Installed> installed(Connection connection, RollupSql sql) throws SQLException {
        if (!isPresent(connection, sql.schema())) {
            return Optional.empty();
        }
        return sql.call(connection, "installed-version")
                .first(row -> new Installed(row.number("version"), row.text("settings")));
    }

    /** Whether there are roll-ups in this schema, of any version. */
    static boolean isPresent(Connection connection, String schema) throws SQLException {
        return exists(connection, Identifiers.qualified(schema, "state"));
    }

    /** Whether retained sums are there that an older version installed: they don't say how many rows count without octets. */
    static boolean hasOlderRetained(Connection connection, String schema) throws SQLException {
        return RollupSql.callWithoutNames(connection, "is-older-retained")
                .text("table", Identifiers.qualified(schema, RollupSql.RETAINED))
                .answer();
    }

    /** Whether a table or index, qualified and quoted, exists. */
    static boolean exists(Connection connection, String relation) throws SQLException {
        return RollupSql.callWithoutNames(connection, "is-present")
                .text("relation", relation)
                .answer();
    }

    /** A partition of one of the host's tables. */
    record Partition(String schema, String name) {

        String quoted() {
            return Identifiers.qualified(schema, name);
        }
    }

    /** Returns the partitions of a table, at every level, that lack their trigger. */
    static List<Partition> unguardedPartitions(Connection connection, RollupSql sql, String table) throws SQLException {
        List<Partition> partitions = new ArrayList<>();
        sql.call(connection, "partitions")
                .text("table", table)
                .text("trigger", sql.triggerName("truncate"))
                .forEach(row -> {
                    if (!row.flag("guarded")) {
                        partitions.add(new Partition(row.text("schema"), row.text("name")));
                    }
                });
        return partitions;
    }

    /** Returns the tables that dropping the roll-ups locks against readers, the host's first, in the order of writers' locks. */
    static List<String> tablesToLock(Connection connection, String schema) throws SQLException {
        return RollupSql.callWithoutNames(connection, "tables-to-lock")
                .text("schema", schema)
                .list(row -> row.text("name"));
    }

    /** Whether there are retained sums of rows that retention has deleted; needs no privilege. */
    static boolean holdsRetained(Connection connection, String schema) throws SQLException {
        return RollupSql.callWithoutNames(connection, "holds-retained")
                .text("schema", schema)
                .answer();
    }

    /** Whether every change fires a trigger: none is missing or disabled, also on partitions, and no partition changes without. */
    static boolean areTriggersInForce(Connection connection, RollupSql sql) throws SQLException {
        return sql.call(connection, "triggers")
                .one(row -> row.number("standing") == TRIGGERS
                        && row.number("disabled") == 0
                        && row.number("untracked") == 0);
    }

    /** Whether the same is true, and no partition generates values in another way than when it was recorded; needs current roll-ups. */
    static boolean isEveryChangeTracked(Connection connection, RollupSql sql) throws SQLException {
        return areTriggersInForce(connection, sql) && !hasRewrittenPartitions(connection, sql);
    }

    /** Whether a partition generates values in another way than when it was recorded; needs current roll-ups. */
    static boolean hasRewrittenPartitions(Connection connection, RollupSql sql) throws SQLException {
        return sql.call(connection, "has-rewritten-partitions").answer();
    }

    /** Returns the state of the roll-ups, as {@link PostgresRollups#status} says. */
    static Optional<RollupStatus> status(PostgresRollups.Settings settings, Jdbc jdbc, Duration timeout) {
        SqlErrors.checkTimeout(timeout);
        Instant now = settings.clock().instant();
        try {
            return jdbc.transaction(Jdbc.Mode.READ_ONLY, timeout, connection -> {
                TableShape shape = TableShape.readForStorage(connection, settings.mapping());
                Optional<RollupSql> sql = current(connection, settings, shape);
                return sql.isEmpty() ? Optional.empty() : Optional.of(status(connection, settings, sql.get(), now));
            });
        } catch (SQLException e) {
            throw SqlErrors.storageFailure(
                    "reading the state of the roll-ups in the schema " + settings.quotedSchema() + " failed", e);
        }
    }

    private static RollupStatus status(
            Connection connection, PostgresRollups.Settings settings, RollupSql sql, Instant now) throws SQLException {
        List<String> alterations = new ArrayList<>(RollupProof.alterations(connection, sql));
        if (!isEveryChangeTracked(connection, sql)) {
            alterations.add(0, RollupProof.NOT_IN_FORCE);
        }
        List<IndexStatus> missing = IndexBuilder.statuses(
                        connection, sql.mapping().schema(), indexes(sql))
                .stream()
                .filter(IndexStatus::isLacking)
                .toList();
        List<RollupStatus.MissingProject> missingProjects =
                settings.omitsMissingProjects() ? List.of() : missingProjects(connection, sql);
        return sql.call(connection, "status").one(row -> {
            Optional<Instant> covered = row.optionalInstant("covered_before");
            return new RollupStatus(
                    covered,
                    covered.map(before -> Duration.between(before, now)),
                    row.number("steps"),
                    row.number("marked_hours"),
                    row.number("changed_events"),
                    row.number("projects"),
                    row.number("projects_to_backfill"),
                    row.optionalInstant("backfilled_to"),
                    alterations,
                    missing,
                    missingProjects);
        });
    }

    /** Returns the projects that are missing and of which retention has kept sums. */
    static List<RollupStatus.MissingProject> missingProjects(Connection connection, RollupSql sql) throws SQLException {
        return sql.call(connection, "all-missing-projects")
                .list(row ->
                        new RollupStatus.MissingProject(row.text("project_id"), row.optionalText("organisation_id")));
    }

    /**
     * Describes everything that rolled sums depend on: mappings with different sums have different settings. Which projects count
     * isn't part of it; that is decided when a figure is read. The schema of the roll-ups is: their functions name it.
     */
    static String settings(TableShape shape, String schema) {
        TableMapping mapping = shape.mapping();
        // Nothing is added where deliveries hold no sizes, so that roll-ups of older releases stay in use.
        String deliverySizes = mapping.deliveryStoredBytes().isPresent()
                ? "\noctets of deliveries: " + MappedNames.deliveryOctets(shape)
                : "";
        String zoneless = MappedNames.zonelessTables(shape);
        String times = zoneless.isEmpty() ? "" : "\ntimes in UTC without a zone:" + zoneless;
        List<String> tables = tableSettings(mapping);
        return String.join(
                "\n",
                schemaSetting(schema),
                tables.get(0),
                "their id, project, time: "
                        + quoted(mapping.eventId(), mapping.eventProjectId(), mapping.eventCreatedAt()),
                "live: " + MappedNames.eventIsLive("e", shape),
                "octets: " + MappedNames.octets("e", shape),
                tables.get(1),
                "their event, project, time, status: "
                        + quoted(
                                mapping.deliveryEventId(),
                                mapping.deliveryProjectId(),
                                mapping.deliveryCreatedAt(),
                                mapping.deliveryStatus()),
                "delivered: "
                        + Identifiers.literals(
                                mapping.deliveredStatuses().stream().sorted().toList())
                        + deliverySizes
                        + times);
    }

    /** Returns the first line of the settings, which names the schema of the roll-ups. */
    static String schemaSetting(String schema) {
        return "roll-ups: " + Identifiers.quote(schema);
    }

    /** Returns the lines of the settings that name the events' and the deliveries' table. */
    static List<String> tableSettings(TableMapping mapping) {
        return List.of(
                "events: " + Identifiers.qualified(mapping.schema(), mapping.events()),
                "deliveries: " + Identifiers.qualified(mapping.schema(), mapping.deliveries()));
    }

    /** Whether roll-ups were installed for these tables, columns and statuses, whatever types and defaults the columns have had since. */
    static boolean isOfMapping(Connection connection, RollupSql sql) throws SQLException {
        return installed(connection, sql)
                .filter(installed -> mappingLines(installed.settings()).equals(mappingLines(sql.settings())))
                .isPresent();
    }

    private static List<String> mappingLines(String settings) {
        return settings.lines()
                .filter(line -> MAPPING_LINES.stream().anyMatch(line::startsWith))
                .toList();
    }

    private static String quoted(String... names) {
        return String.join(", ", List.of(names).stream().map(Identifiers::quote).toList());
    }

    /** Returns the indexes that figures and the worker need. */
    static List<Index> indexes(RollupSql sql) {
        List<Index> indexes = new ArrayList<>(IndexDdl.indexes(sql.mapping()));
        indexes.add(IndexDdl.eventIdIndex(sql.mapping()));
        return indexes;
    }

    /**
     * Roll-ups in other schemas whose triggers the host's tables have: those of another mapping, or those that the tables had before they or
     * a schema were renamed. The latter, which no mapping finds any more, are taken over by an installation.
     */
    static final class Others {

        /**
         * Roll-ups in another schema.
         *
         * @param schema not quoted
         * @param triggers the names of their triggers on the tables
         * @param holdsRetained whether they hold sums of rows that retention has deleted
         */
        record Found(String schema, List<String> triggers, boolean holdsRetained) {}

        private Others() {}

        /**
         * Returns all of them; needs no privilege on them.
         *
         * @param schema of the roll-ups that aren't among them, not quoted
         */
        static List<Found> find(Connection connection, TableMapping mapping, String schema) throws SQLException {
            return RollupSql.callWithoutNames(connection, "other-rollups")
                    .text("events", Identifiers.qualified(mapping.schema(), mapping.events()))
                    .text("deliveries", Identifiers.qualified(mapping.schema(), mapping.deliveries()))
                    .text("schema", Identifiers.quote(schema))
                    .list(row -> new Found(row.text("schema"), row.texts("triggers"), row.flag("holds_retained")));
        }

        /** Returns the schemas of those that are to be taken over: the tables or their own schema were renamed, or moved. */
        static List<String> renamed(Connection connection, TableShape shape, String schema) throws SQLException {
            List<String> renamed = new ArrayList<>();
            for (Found found : find(connection, shape.mapping(), schema)) {
                RollupSql sql = RollupSql.over(shape, found.schema());
                if (!found.triggers().contains(sql.triggerName("truncate")) || !namesTables(connection, sql)) {
                    renamed.add(found.schema());
                }
            }
            return renamed;
        }

        private static boolean namesTables(Connection connection, RollupSql sql) throws SQLException {
            Optional<Installed> installed = installed(connection, sql);
            return installed.isPresent()
                    && installed.get().settings().lines().toList().containsAll(tableSettings(sql.mapping()));
        }

        /**
         * Moves the retained sums of other roll-ups into these, and drops the others; their schema and the tables are locked.
         *
         * @param schema of the others, not quoted
         */
        static void takeOver(Connection connection, RollupSql sql, String schema, IdTypes types) throws SQLException {
            if (holdsRetained(connection, schema)) {
                Jdbc.limit(connection, "statement_timeout", Duration.ZERO);
                if (!exists(connection, Identifiers.qualified(sql.schema(), RollupSql.RETAINED))) {
                    Jdbc.execute(connection, sql.takeRetainedScript(schema));
                } else {
                    types.prepareRetained(connection, sql.in(schema));
                    Jdbc.execute(connection, sql.addRetainedScript(schema));
                }
            }
            SchemaInstaller.dropSchema(connection, schema);
        }
    }
}
