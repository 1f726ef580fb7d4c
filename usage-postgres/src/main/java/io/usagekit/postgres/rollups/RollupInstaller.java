package io.usagekit.postgres.rollups;

import io.usagekit.UsageKey;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Index;
import io.usagekit.postgres.internal.IndexBuilder;
import io.usagekit.postgres.internal.IndexDdl;
import io.usagekit.postgres.internal.Installation;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.LockRetrier;
import io.usagekit.postgres.internal.PartitionGuard;
import io.usagekit.postgres.internal.SchemaInstaller;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.TableShape;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Creates and removes roll-ups. */
final class RollupInstaller implements PartitionGuard {

    private static final Logger LOG = LoggerFactory.getLogger(PostgresRollups.class);

    private static final Duration CHANGE_TIMEOUT = Duration.ofMinutes(5);

    private final PostgresRollups.Settings settings;
    private final TableMapping mapping;
    private final Jdbc jdbc;
    private final RollupPreconditions preconditions;

    RollupInstaller(PostgresRollups.Settings settings) {
        this.settings = settings;
        this.mapping = settings.mapping();
        this.jdbc = new Jdbc(settings.dataSource());
        this.preconditions = new RollupPreconditions(settings);
    }

    /** Installs roll-ups, as {@link PostgresRollups#install} says. */
    void install() {
        inInstallation("installing", installation -> {
            Connection connection = installation.connection();
            RollupSql sql = sql(connection);
            preconditions.checkVersion(RollupCatalog.installed(connection, sql));
            preconditions.checkTables(connection, sql);
            preconditions.checkPrivileges(connection, sql);
            preconditions.checkObstacles(connection, sql);
            IndexBuilder.build(installation, mapping.schema(), RollupCatalog.indexes(sql));
            createTablesAndTriggers(installation);
            warnOfUnknownOwners(connection, sql);
            return settings;
        });
    }

    /** Says of which projects figures lack retained sums without an error: those that were missing before their owners were recorded. */
    private void warnOfUnknownOwners(Connection connection, RollupSql sql) throws SQLException {
        List<String> projects = RollupCatalog.missingProjects(connection, sql).stream()
                .filter(project -> project.organisationId().isEmpty())
                .map(RollupStatus.MissingProject::projectId)
                .toList();
        if (!projects.isEmpty() && !settings.omitsMissingProjects()) {
            LOG.warn(
                    "figures lack what retention has kept in the schema {} of the projects {}: they were missing before it recorded"
                            + " whose projects are; call moveRetained (usage rollups move-retained) if they were renamed or merged,"
                            + " or omitRetained (usage rollups omit-retained) if they were deleted",
                    settings.schema(),
                    projects);
        }
    }

    /** What is done with the sums of rows that retention has deleted. */
    enum Retained {
        PROTECTED,
        REMOVED
    }

    /** Removes roll-ups, as {@link PostgresRollups#remove} says. */
    void remove(Retained retained) {
        inInstallation("removing", installation -> {
            Connection connection = installation.connection();
            if (SchemaInstaller.schemaExists(connection, settings.schema()) || hasOwnEventIdIndex(connection)) {
                installation.change(tables(), it -> {
                    remove(it, installation.locks(), retained);
                    return settings;
                });
            }
            return settings;
        });
    }

    private void remove(Connection connection, LockRetrier locks, Retained retained) throws SQLException {
        boolean hasIndex = hasOwnEventIdIndex(connection);
        lockForRemoval(connection, locks, hasIndex ? List.of(deliveries()) : List.of(), List.of(settings.schema()));
        if (retained == Retained.PROTECTED
                && RollupCatalog.holdsRetained(connection, settings.schema())
                && RollupSql.hasRetained(connection, settings.schema()).answer()) {
            throw new UsageStorageException(
                    "the roll-ups in the schema " + settings.quotedSchema()
                            + " can't be removed: they hold sums of rows that were deleted by retention, and figures would"
                            + " fall without them; call removeWithRetained() to remove these sums, too",
                    null);
        }
        SchemaInstaller.dropSchema(connection, settings.schema());
        if (hasIndex) {
            Jdbc.execute(connection, "drop index " + ownEventIdIndex());
        }
    }

    /** Locks what is to be dropped in these schemas, and the tables whose triggers go with it, in one statement. */
    private static void lockForRemoval(
            Connection connection, LockRetrier locks, List<String> others, List<String> schemas) throws SQLException {
        Set<String> tables = new LinkedHashSet<>(others);
        for (String schema : schemas) {
            tables.addAll(RollupCatalog.tablesToLock(connection, schema));
        }
        if (!tables.isEmpty()) {
            locks.lock(connection, Map.of(String.join(", ", tables), "access exclusive"));
        }
    }

    private String deliveries() {
        return Identifiers.qualified(mapping.schema(), mapping.deliveries());
    }

    private String tables() {
        return Identifiers.qualified(mapping.schema(), mapping.events()) + " and " + deliveries();
    }

    /** The index on the deliveries' event id, if {@link #install} built it. */
    private String ownEventIdIndex() {
        return Identifiers.qualified(
                mapping.schema(), IndexDdl.eventIdIndex(mapping).nameOn(mapping.deliveries()));
    }

    private boolean hasOwnEventIdIndex(Connection connection) throws SQLException {
        return RollupCatalog.exists(connection, ownEventIdIndex());
    }

    /** Returns the script of {@link PostgresRollups#ddl}. */
    String ddl() {
        try {
            return jdbc.session(connection -> {
                RollupSql sql = sql(connection);
                preconditions.checkTables(connection, sql);
                preconditions.checkObstacles(connection, sql);
                String schema = SchemaInstaller.schemaExists(connection, settings.schema())
                        ? ""
                        : RollupSql.schemaScript(settings.schema());
                int version = connection.getMetaData().getDatabaseMajorVersion();
                return schema + missingIndexes(connection, sql)
                        + IdTypes.of(connection, sql).tablesScript(sql, version) + "\n" + sql.triggersScript(version)
                        + String.join("", partitionScripts(connection, sql))
                        + sql.recordGuardedPartitionsScript();
            });
        } catch (SQLException e) {
            throw failed("describing", e);
        }
    }

    /** The indexes that are missing. They block writes to a table while they are built, since the script may run in a transaction. */
    private static String missingIndexes(Connection connection, RollupSql sql) throws SQLException {
        StringBuilder script = new StringBuilder();
        String schema = sql.mapping().schema();
        for (Index index : RollupCatalog.indexes(sql)) {
            if (IndexBuilder.isLacking(connection, schema, index)) {
                script.append(IndexDdl.create(index, schema, index.table(), IndexDdl.Build.BLOCKING, ""))
                        .append(";\n\n");
            }
        }
        return script.toString();
    }

    private RollupSql sql(Connection connection) throws SQLException {
        return RollupSql.over(TableShape.readForStorage(connection, mapping), settings.schema());
    }

    @Override
    public boolean isIntact(Connection connection, String role) throws SQLException {
        if (!RollupCatalog.isPresent(connection, settings.schema())) {
            return false;
        }
        RollupSql sql = sql(connection);
        return isCurrent(connection, sql) && RollupProof.isIntactUntilEnd(connection, sql, role);
    }

    private static boolean isCurrent(Connection connection, RollupSql sql) throws SQLException {
        return RollupCatalog.installed(connection, sql)
                .filter(installed -> installed.isCurrent(sql))
                .isPresent();
    }

    @Override
    public void record(Connection connection, String role) throws SQLException {
        RollupSql sql = sql(connection);
        RollupProof.record(connection, sql, List.of(role));
        sql.call(connection, "record-retained-relations")
                .texts("roles", List.of(role))
                .update();
    }

    @Override
    public Optional<String> retainedDoubt(Connection connection, UsageKey key) throws SQLException {
        return RetainedDoubt.ofRows(connection, settings, key);
    }

    /** Records that retained sums fit the tables, as {@link PostgresRollups#acceptRetained} says. */
    void acceptRetained() {
        inInstallation("accepting the retained sums of", installation -> {
            RollupSql sql = sql(installation.connection());
            if (!RetainedDoubt.isOfThisVersion(installation.connection(), sql)) {
                throw UsageStorageException.permanent(
                        "there are no roll-ups of this version in the schema " + settings.quotedSchema(), null);
            }
            if (!RollupCatalog.isOfMapping(installation.connection(), sql)) {
                throw UsageStorageException.permanent(
                        "the retained sums in the schema " + settings.quotedSchema()
                                + " are of other tables, columns or statuses than those of this mapping, whose rows they may"
                                + " not fit; call acceptRetained() with the mapping that the roll-ups were installed for",
                        null);
            }
            return installation.change(tables(), connection -> {
                Jdbc.limit(connection, "statement_timeout", Duration.ZERO);
                sql.call(connection, "clear-samples").update();
                for (String statement : List.of("reset-state", "reset-projects", "record-own-tables")) {
                    sql.call(connection, statement).update();
                }
                for (String statement : List.of("record-relations", "record-retained-relations")) {
                    sql.call(connection, statement)
                            .texts("roles", RollupProof.ROLES)
                            .update();
                }
                return settings;
            });
        });
    }

    /** Adds what retention has kept of a project to another one, as {@link PostgresRollups#moveRetained} says. */
    void moveRetained(String from, String to) {
        Objects.requireNonNull(to, "to");
        changeRetained(Objects.requireNonNull(from, "from"), "moving", (connection, sql) -> {
            if (!sql.call(connection, "retained-project").text("id", to).one(row -> row.flag("is_project"))) {
                throw UsageStorageException.permanent(
                        "the retained sums of the project \"" + from + "\" can't be moved to \"" + to + "\": "
                                + sql.table("projects") + " has no such project",
                        null);
            }
            sql.call(connection, "move-retained")
                    .text("from", from)
                    .text("to", to)
                    .update();
            sql.call(connection, "record-owners").update();
        });
    }

    /** Leaves out what retention has kept of a project, as {@link PostgresRollups#omitRetained} says. */
    void omitRetained(String projectId) {
        changeRetained(
                projectId,
                "leaving out",
                (connection, sql) -> sql.call(connection, "omit-retained")
                        .text("from", projectId)
                        .update());
    }

    @FunctionalInterface
    private interface RetainedChange {
        void run(Connection connection, RollupSql sql) throws SQLException;
    }

    /** Changes the retained sums of a project that the projects don't have any more. */
    private void changeRetained(String projectId, String operation, RetainedChange change) {
        try {
            jdbc.transaction(Jdbc.Mode.WRITE, CHANGE_TIMEOUT, connection -> {
                RollupSql sql = sql(connection);
                if (!isCurrent(connection, sql)) {
                    throw UsageStorageException.permanent(settings.nothingCurrent(), null);
                }
                sql.call(connection, "retained-project").text("id", projectId).one(row -> {
                    if (row.flag("is_project") || !row.flag("is_retained")) {
                        throw UsageStorageException.permanent(
                                operation + " the retained sums of the project \"" + projectId + "\" was refused: "
                                        + (row.flag("is_project")
                                                ? sql.table("projects")
                                                        + " has that project, so that they count; rename or delete it first"
                                                : "there are none in the schema " + settings.quotedSchema()),
                                null);
                    }
                    return settings;
                });
                change.run(connection, sql);
                return settings;
            });
        } catch (SQLException e) {
            throw failed(operation + " retained sums of", e);
        }
    }

    @Override
    public void guardPartitions(Connection connection) throws SQLException {
        if (RollupCatalog.isPresent(connection, settings.schema())) {
            RollupSql sql = sql(connection);
            List<RollupCatalog.Partition> missing = partitions(connection, sql);
            if (!missing.isEmpty()) {
                LockRetrier.lock(connection, locked(missing), "share row exclusive", Installation.PACE.lockTimeout());
                executeAll(connection, partitionScripts(connection, sql));
                if (isCurrent(connection, sql)) {
                    sql.call(connection, "record-guarded-partitions").update();
                }
            }
        }
    }

    private void createTablesAndTriggers(Installation installation) throws SQLException {
        Connection connection = installation.connection();
        RollupSql sql = sql(connection);
        Optional<RollupCatalog.Installed> installed = RollupCatalog.installed(connection, sql);
        RetainedDoubt.check(connection, sql, "can't be installed");
        boolean isCurrent = installed.isPresent() && installed.get().isCurrent(sql);
        List<String> renamed = RollupCatalog.Others.renamed(connection, sql.shape(), settings.schema());
        if (installed.isEmpty()) {
            preconditions.checkRetainedElsewhere(connection, renamed);
        }
        if (isCurrent
                && renamed.isEmpty()
                && RollupCatalog.isEveryChangeTracked(connection, sql)
                && (RollupProof.isIntact(connection, sql)
                        || RollupProof.newPartitions(connection, sql).isPresent())) {
            createPartitionTriggers(installation, sql);
            return;
        }
        if (!renamed.isEmpty()) {
            LOG.warn(
                    "tables or schemas have been renamed since roll-ups were installed in {}; those are taken over with their retained"
                            + " sums, and the roll-ups in the schema {} start from scratch",
                    renamed,
                    settings.schema());
        } else if (isCurrent) {
            LOG.warn(
                    "triggers of the roll-ups in the schema {} are missing or disabled, or the tables have been altered; the roll-ups"
                            + " are replaced and start from scratch: {}",
                    settings.schema(),
                    RollupProof.inWords(RollupProof.alterations(connection, sql)));
        } else if (installed.isPresent()) {
            LOG.info(
                    "the roll-ups in the schema {} are of another version or mapping; they are replaced and start from scratch",
                    settings.schema());
        }
        installation.change(tables(), it -> {
            createAll(it, installation.locks());
            return settings;
        });
    }

    /** Creates the triggers of partitions that were created since. */
    private void createPartitionTriggers(Installation installation, RollupSql sql) throws SQLException {
        if (!partitions(installation.connection(), sql).isEmpty()) {
            installation.change("the partitions of " + tables(), connection -> {
                guardPartitions(connection);
                return settings;
            });
        }
    }

    private static String locked(List<RollupCatalog.Partition> partitions) {
        return partitions.stream().map(RollupCatalog.Partition::quoted).collect(Collectors.joining(", "));
    }

    /** Creates tables, functions and triggers, after it has dropped older ones. The host's tables are locked as late as possible. */
    private void createAll(Connection connection, LockRetrier locks) throws SQLException {
        RollupSql sql = sql(connection);
        preconditions.checkPublications(connection, sql);
        IdTypes types = IdTypes.of(connection, sql);
        SchemaInstaller.createSchema(connection, settings.schema());
        List<String> renamed = RollupCatalog.Others.renamed(connection, sql.shape(), settings.schema());
        if (!renamed.isEmpty()) {
            lockForRemoval(
                    connection,
                    locks,
                    List.of(),
                    Stream.concat(renamed.stream(), Stream.of(settings.schema()))
                            .toList());
            for (String other : renamed) {
                RollupCatalog.Others.takeOver(connection, sql, other, types);
            }
        }
        if (RollupCatalog.isPresent(connection, settings.schema()) || !renamed.isEmpty()) {
            if (RollupCatalog.exists(connection, Identifiers.qualified(settings.schema(), RollupSql.RETAINED))) {
                types.prepareRetained(connection, sql);
            }
            lockForRemoval(connection, locks, List.of(), List.of(settings.schema()));
            boolean retains = RollupCatalog.holdsRetained(connection, settings.schema());
            IdTypes.dropFeedTriggers(connection, settings.schema());
            SchemaInstaller.emptySchema(
                    connection, settings.schema(), retains ? List.of(RollupSql.RETAINED) : List.of());
        }
        int version = connection.getMetaData().getDatabaseMajorVersion();
        Jdbc.execute(connection, types.tablesScript(sql, version));
        sql.call(connection, "record-owners").update();
        locks.lock(connection, Map.of(sql.table("events") + ", " + sql.table("deliveries"), "share row exclusive"));
        Jdbc.execute(connection, sql.triggersScript(version));
        executeAll(connection, partitionScripts(connection, sql));
        sql.call(connection, "record-guarded-partitions").update();
    }

    private static List<RollupCatalog.Partition> partitions(Connection connection, RollupSql sql) throws SQLException {
        List<RollupCatalog.Partition> partitions = new ArrayList<>();
        for (String table : RollupProof.ROLES) {
            partitions.addAll(RollupCatalog.unguardedPartitions(connection, sql, sql.table(table)));
        }
        return partitions;
    }

    private static List<String> partitionScripts(Connection connection, RollupSql sql) throws SQLException {
        return partitions(connection, sql).stream()
                .map(partition -> sql.createPartitionScript(partition.quoted()))
                .toList();
    }

    /** Runs an operation, which does all of it or nothing but indexes. */
    private <T> void inInstallation(String operation, Installation.Work<T> work) {
        try {
            Installation.run(jdbc, mapping.schema(), work);
        } catch (SQLException e) {
            throw failed(operation, e);
        }
    }

    private UsageStorageException failed(String operation, SQLException e) {
        return SqlErrors.storageFailure(
                operation + " the roll-ups in the schema " + settings.quotedSchema() + " failed", e);
    }

    private static void executeAll(Connection connection, List<String> scripts) throws SQLException {
        for (String script : scripts) {
            Jdbc.execute(connection, script);
        }
    }
}
