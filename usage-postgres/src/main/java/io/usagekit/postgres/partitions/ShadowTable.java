package io.usagekit.postgres.partitions;

import io.usagekit.UsageCalculationException;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.LockRetrier;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import javax.sql.DataSource;

/** The beginning of a rebuild, and how it is taken back: the empty copy beside the table, and the triggers that note changes. */
final class ShadowTable {

    private static final int MOST_PARTITIONS = 400;

    /** Of PostgreSQL: compression of a column is its own to have. */
    private static final int FIRST_WITH_COMPRESSION = 14;

    /** To find the oldest row may take as long as the table is large; it locks nothing that anybody else uses. */
    private static final Duration LONG = Duration.ofDays(1);

    private final DataSource dataSource;
    private final RewriteSql sql;
    private final LockRetrier locks;
    private final int ahead;

    /**
     * @param ahead how many partitions are made beyond that of now
     */
    ShadowTable(DataSource dataSource, RewriteSql sql, LockRetrier locks, int ahead) {
        this.dataSource = dataSource;
        this.sql = sql;
        this.locks = locks;
        this.ahead = ahead;
    }

    /** A table of the right shape is rebuilt where its default partition holds what might have one of its own. */
    boolean isWorthwhile(Connection connection, Optional<PartitionInterval> target, Instant now) throws SQLException {
        if (target.isPresent()) {
            return PartitionCatalog.read(connection, sql).defaultHoldsBefore(connection, end(target.get(), now));
        }
        if (TableDefinition.read(connection, sql).isPartitioned()) {
            throw foreign();
        }
        return false;
    }

    private UsageCalculationException foreign() {
        return TableDefinition.refused(sql, "it has been partitioned by somebody else");
    }

    /** Makes it, empty; from here on changes are noted. */
    void begin(Optional<PartitionInterval> target, Instant now) throws SQLException {
        Optional<Instant> oldest = Jdbc.run(dataSource, Jdbc.Mode.READ_ONLY, LONG, this::oldest);
        List<Instant> begins = new ArrayList<>();
        if (target.isPresent()) {
            begins = begins(target.get(), oldest.orElse(now), now);
        }
        List<Instant> edges = begins;
        locks.run(connection -> {
            begin(connection, target, edges);
            return edges;
        });
    }

    private Optional<Instant> oldest(Connection connection) throws SQLException {
        try (PreparedStatement statement = sql.statement("rebuild-oldest.sql").prepare(connection, Map.of());
                ResultSet row = statement.executeQuery()) {
            row.next();
            return Optional.ofNullable(row.getObject("oldest", OffsetDateTime.class))
                    .map(OffsetDateTime::toInstant);
        }
    }

    /** Where the last partition ends. */
    private Instant end(PartitionInterval step, Instant now) {
        Instant end = step.floor(now);
        for (int i = 0; i <= ahead; i++) {
            end = step.next(end);
        }
        return end;
    }

    /** Where the partitions begin, and where the last one ends. */
    private List<Instant> begins(PartitionInterval step, Instant oldest, Instant now) {
        Instant end = end(step, now);
        List<Instant> begins = new ArrayList<>();
        for (Instant begin = step.floor(oldest.isBefore(now) ? oldest : now);
                !begin.isAfter(end);
                begin = step.next(begin)) {
            begins.add(begin);
            if (begins.size() > MOST_PARTITIONS) {
                throw TableDefinition.refused(
                        sql,
                        "from its oldest row, of " + oldest + ", on there would be more than " + MOST_PARTITIONS
                                + " partitions of a " + step + "; take a longer step");
            }
        }
        return begins;
    }

    private void begin(Connection connection, Optional<PartitionInterval> target, List<Instant> edges)
            throws SQLException {
        TableDefinition table = TableDefinition.describe(connection, sql);
        RewriteSql.run(connection, sql.script("partitions-schema.sql", Map.of()));
        if (table.isPartitioned()
                && RewriteState.read(connection, sql)
                        .flatMap(RewriteState::step)
                        .isEmpty()) {
            throw foreign();
        }
        if (target.isPresent() && table.nullableTime()) {
            throw TableDefinition.refused(
                    sql,
                    sql.createdAt()
                            + " may be null, and PostgreSQL demands it in the primary key: set it NOT NULL first");
        }
        TableDefinition.checkObstacles(connection, sql);
        createShadow(connection, table, target, edges);
        RewriteSql.run(connection, sql.script("rebuild-notes.sql", Map.of()));
        for (String relation : relations(connection, sql.table())) {
            RewriteSql.run(connection, sql.script("rebuild-refuse-truncate.sql", Map.of("relation", relation)));
        }
        sql.execute(
                connection,
                "rebuild-begin.sql",
                Map.of(
                        "role", sql.role().key(),
                        "target", target.map(Enum::name).orElse(RewriteState.PLAIN),
                        "rows", Long.toString(table.rows())));
    }

    /** A table and its partitions, quoted. */
    private List<String> relations(Connection connection, String table) throws SQLException {
        List<String> relations = new ArrayList<>(List.of(table));
        relations.addAll(PartitionCatalog.leaves(connection, sql, table));
        return relations;
    }

    private void createShadow(
            Connection connection, TableDefinition table, Optional<PartitionInterval> target, List<Instant> edges)
            throws SQLException {
        boolean hasCompression = connection.getMetaData().getDatabaseMajorVersion() >= FIRST_WITH_COMPRESSION;
        RewriteSql.run(
                connection,
                "create table " + sql.shadow() + " (like " + sql.table()
                        + " including defaults including generated including identity including storage"
                        + (hasCompression ? " including compression" : "")
                        + " including comments including constraints including statistics)"
                        + (target.isPresent() ? " partition by range (" + sql.createdAt() + ")" : table.options()));
        if (table.comment().isPresent()) {
            RewriteSql.run(
                    connection,
                    "comment on table " + sql.shadow() + " is "
                            + table.comment().get());
        }
        TableDefinition.Index primary =
                TableDefinition.indexes(connection, sql, sql.table()).get(0);
        RewriteSql.run(connection, primary.create(sql.shadow(), target));
        List<String> made = new ArrayList<>(List.of(sql.shadow()));
        if (target.isPresent()) {
            made.addAll(createPartitions(connection, target.get(), edges, table.options()));
        }
        if (!table.isOwn()) {
            for (String relation : made) {
                RewriteSql.run(connection, "alter table " + relation + " owner to " + table.owner());
            }
        }
    }

    private List<String> createPartitions(
            Connection connection, PartitionInterval step, List<Instant> edges, String storage) throws SQLException {
        List<String> made = new ArrayList<>();
        for (Instant lower : edges.subList(0, edges.size() - 1)) {
            String name = PartitionCatalog.freeName(connection, sql, step.suffix(lower));
            RewriteSql.run(connection, PartitionCatalog.create(sql, name, sql.shadow(), step, lower, storage));
            made.add(Identifiers.qualified(sql.schema(), name));
        }
        String others = Identifiers.qualified(sql.schema(), PartitionCatalog.freeName(connection, sql, "_pdefault"));
        RewriteSql.run(connection, "create table " + others + " partition of " + sql.shadow() + " default" + storage);
        made.add(others);
        return made;
    }

    /** Takes it back: the table stays as it is. */
    Optional<RewriteState> abandon(Connection connection) throws SQLException {
        RewriteSql.run(connection, "drop function if exists " + sql.piece("note") + "() cascade");
        for (String relation : relations(connection, sql.table())) {
            RewriteSql.run(connection, "drop trigger if exists " + sql.piece("trigger.truncate") + " on " + relation);
        }
        RewriteSql.run(connection, "drop table if exists " + sql.shadow() + ", " + sql.piece("notes"));
        sql.execute(connection, "rebuild-end.sql", Map.of("role", sql.role().key()));
        dropSchemaIfUnused(connection, sql);
        return RewriteState.read(connection, sql);
    }

    /** Once no table is partitioned or being rebuilt any more. */
    static void dropSchemaIfUnused(Connection connection, RewriteSql sql) throws SQLException {
        try (PreparedStatement statement =
                        sql.statement("partitions-in-use.sql").prepare(connection, Map.of());
                ResultSet row = statement.executeQuery()) {
            row.next();
            if (!row.getBoolean("answer")) {
                RewriteSql.run(connection, "drop schema " + sql.partitions() + " cascade");
            }
        }
    }
}
