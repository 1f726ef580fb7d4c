package io.usagekit.postgres.partitions;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.LockRetrier;
import io.usagekit.postgres.internal.SchemaInstaller;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Creates and drops the shadow table of a rewrite and the triggers that log changes of the table. */
final class ShadowTable {

    private static final int MAX_PARTITIONS = 400;

    /** The first version of PostgreSQL in which columns have compression settings of their own. */
    private static final int FIRST_WITH_COMPRESSION = 14;

    /** For finding the oldest row, which takes as long as the table is large, and blocks no other session. */
    private static final Duration LONG = Duration.ofDays(1);

    private final Jdbc jdbc;
    private final RewriteSql sql;
    private final LockRetrier locks;
    private final int ahead;

    /**
     * @param ahead how many partitions are created after the current one
     */
    ShadowTable(Jdbc jdbc, RewriteSql sql, LockRetrier locks, int ahead) {
        this.jdbc = jdbc;
        this.sql = sql;
        this.locks = locks;
        this.ahead = ahead;
    }

    /** Whether a table that has its target shape is rewritten all the same: its default partition holds rows of other partitions. */
    boolean isWorthwhile(Connection connection, Optional<PartitionInterval> target, Instant now) throws SQLException {
        if (target.isPresent()) {
            return PartitionCatalog.read(connection, sql).defaultHoldsBefore(connection, end(target.get(), now));
        }
        if (TableDefinition.read(connection, sql).isPartitioned()) {
            throw partitionedByOthers();
        }
        return false;
    }

    private UsageStorageException partitionedByOthers() {
        return TableDefinition.refused(sql, TableDefinition.PARTITIONED_BY_OTHERS);
    }

    /** Creates the empty shadow table; from here on changes are logged. */
    void create(Optional<PartitionInterval> target, Instant now) throws SQLException {
        List<Instant> bounds = new ArrayList<>();
        if (target.isPresent()) {
            Instant oldest = oldest(now);
            bounds.addAll(bounds(target.get(), oldest, now));
            if (bounds.size() > MAX_PARTITIONS) {
                throw TableDefinition.refused(sql, tooMany(target.get(), oldest));
            }
        }
        locks.run(sql.table(), connection -> {
            create(connection, target, bounds);
            return bounds;
        });
    }

    /** Why the table would have too many partitions; empty if it wouldn't. */
    Optional<String> tooManyPartitions(PartitionInterval interval, Instant now) throws SQLException {
        Instant oldest = oldest(now);
        return bounds(interval, oldest, now).size() > MAX_PARTITIONS
                ? Optional.of(tooMany(interval, oldest))
                : Optional.empty();
    }

    private static String tooMany(PartitionInterval interval, Instant oldest) {
        return "its oldest row is of " + oldest + ", so it would have more than " + MAX_PARTITIONS + " partitions of a "
                + interval + "; choose a longer interval";
    }

    private Instant oldest(Instant now) throws SQLException {
        return jdbc.transaction(
                        Jdbc.Mode.READ_ONLY,
                        LONG,
                        connection ->
                                sql.call(connection, "find-oldest-time").one(row -> row.optionalInstant("oldest")))
                .orElse(now);
    }

    /** The end of the last partition. */
    private Instant end(PartitionInterval interval, Instant now) {
        Instant end = interval.floor(now);
        for (int i = 0; i <= ahead; i++) {
            end = interval.next(end);
        }
        return end;
    }

    /** The starts of the partitions, and the end of the last one; some of the first where there are too many. */
    private List<Instant> bounds(PartitionInterval interval, Instant oldest, Instant now) {
        Instant end = end(interval, now);
        List<Instant> bounds = new ArrayList<>();
        for (Instant start = interval.floor(oldest.isBefore(now) ? oldest : now);
                !start.isAfter(end);
                start = interval.next(start)) {
            bounds.add(start);
            if (bounds.size() > MAX_PARTITIONS) {
                break;
            }
        }
        return bounds;
    }

    private void create(Connection connection, Optional<PartitionInterval> target, List<Instant> bounds)
            throws SQLException {
        TableDefinition table = TableDefinition.describe(connection, sql);
        SchemaInstaller.createSchema(connection, sql.stateSchemaName());
        sql.runScript(connection, "create-state", Map.of());
        if (table.isPartitioned()
                && RewriteState.read(connection, sql)
                        .flatMap(RewriteState::interval)
                        .isEmpty()) {
            throw partitionedByOthers();
        }
        RewriteObstacles.check(connection, sql, target);
        createShadow(connection, table, target, bounds);
        locks.lock(connection, Map.of(sql.table(), "share row exclusive"));
        sql.runScript(connection, "create-change-log", Map.of());
        for (String relation : relations(connection)) {
            sql.runScript(connection, "refuse-truncate", Map.of("relation", relation));
        }
        sql.call(connection, "start-rewrite")
                .text("role", sql.role().key())
                .text("target", target.map(Enum::name).orElse(RewriteState.PLAIN))
                .number("rows", table.rows())
                .execute();
    }

    /** The table and its partitions, quoted. */
    private List<String> relations(Connection connection) throws SQLException {
        List<String> relations = new ArrayList<>(List.of(sql.table()));
        relations.addAll(PartitionCatalog.leaves(connection, sql, sql.table()));
        return relations;
    }

    private void createShadow(
            Connection connection, TableDefinition table, Optional<PartitionInterval> target, List<Instant> bounds)
            throws SQLException {
        boolean hasCompression = connection.getMetaData().getDatabaseMajorVersion() >= FIRST_WITH_COMPRESSION;
        Jdbc.execute(
                connection,
                "create table " + sql.shadow() + " (like " + sql.table()
                        + " including defaults including generated including identity including storage"
                        + (hasCompression ? " including compression" : "")
                        + " including comments including constraints)"
                        + (target.isPresent() ? " partition by range (" + sql.createdAt() + ")" : table.options()));
        if (table.comment().isPresent()) {
            Jdbc.execute(
                    connection,
                    "comment on table " + sql.shadow() + " is "
                            + table.comment().get());
        }
        TableDefinition.Index primary = TableDefinition.indexes(connection, sql).get(0);
        Jdbc.execute(connection, primary.create(sql.shadow(), target));
        List<String> created = new ArrayList<>(List.of(sql.shadow()));
        if (target.isPresent()) {
            created.addAll(createPartitions(connection, target.get(), bounds, table.options()));
        }
        for (ExtendedStatistics statistics : ExtendedStatistics.read(connection, sql)) {
            statistics.create(connection, sql.shadow());
        }
        for (String relation : created) {
            List<String> settings = sql.call(connection, "list-column-settings")
                    .text("table", sql.table())
                    .text("relation", relation)
                    .list(row -> row.text("statement"));
            for (String setting : settings) {
                Jdbc.execute(connection, setting);
            }
            if (!table.isOwn()) {
                Jdbc.execute(connection, "alter table " + relation + " owner to " + table.owner());
            }
        }
    }

    private List<String> createPartitions(
            Connection connection, PartitionInterval interval, List<Instant> bounds, String storage)
            throws SQLException {
        List<String> created = new ArrayList<>();
        for (Instant lower : bounds.subList(0, bounds.size() - 1)) {
            String name = PartitionCatalog.freeName(connection, sql, interval.suffix(lower));
            Jdbc.execute(connection, PartitionCatalog.create(sql, name, sql.shadow(), interval, lower, storage));
            created.add(Identifiers.qualified(sql.schema(), name));
        }
        String others = Identifiers.qualified(sql.schema(), PartitionCatalog.freeName(connection, sql, "_pdefault"));
        Jdbc.execute(connection, "create table " + others + " partition of " + sql.shadow() + " default" + storage);
        created.add(others);
        return created;
    }

    /** Drops the shadow table and the triggers: the table stays as it is. */
    Optional<RewriteState> drop(Connection connection) throws SQLException {
        locks.lock(connection, Map.of(sql.table(), "access exclusive"));
        Jdbc.execute(connection, "drop function if exists " + sql.name("log_change") + "() cascade");
        for (String relation : relations(connection)) {
            Jdbc.execute(connection, "drop trigger if exists " + sql.name("trigger.truncate") + " on " + relation);
        }
        Jdbc.execute(connection, "drop table if exists " + sql.shadow() + ", " + sql.name("change_log"));
        endRewrite(connection, sql);
        return RewriteState.read(connection, sql);
    }

    /** Records that the rewrite has ended, and drops the state once no table needs it. */
    static void endRewrite(Connection connection, RewriteSql sql) throws SQLException {
        sql.call(connection, "end-rewrite").text("role", sql.role().key()).execute();
        if (!sql.call(connection, "is-in-use").answer()) {
            SchemaInstaller.dropSchema(connection, sql.stateSchemaName());
        }
    }
}
