package io.usagekit.postgres.partitions;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Index;
import io.usagekit.postgres.internal.LockRetrier;
import io.usagekit.postgres.rollups.PostgresRollups;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.locks.LockSupport;

/**
 * The copy takes the table's place, or it is tried again later. Not thread-safe.
 *
 * <ol>
 *   <li>Writers are locked out; readers go on.
 *   <li>Another transaction deals with the notes that are left, and commits: from here on the copy is whole.
 *   <li>Those are waited for who began to look before that. Readers that begin now see it.
 *   <li>Once nobody looks, readers are locked out as well, names are exchanged, and what belongs to the table moves over.
 * </ol>
 *
 * <p>Writers that waited have taken a snapshot before they came to wait. In READ COMMITTED they take another one; those in REPEATABLE
 * READ or SERIALIZABLE would miss rows, and fail with 40001. It is given up at once where a writer that waits holds what the last step
 * needs, and otherwise within {@link LockRetrier.Pace#lockTimeout()}.
 *
 * <p>To wait for readers in the queue for their lock, with that against writers in hand, would cost them: who has looked and comes to
 * write meanwhile has a deadlock, and PostgreSQL ends the one that comes last, at once. Therefore a polite attempt looks again and
 * again who has looked, and takes the lock in a moment when there is none. Where there always is one, only the queue leads on.
 */
final class CutOver {

    /** What is done while writers wait: the transaction after which the copy is whole; empty if there is too much of it. */
    interface Drain {
        Optional<String> run(Duration left) throws SQLException;
    }

    private static final long POLL_NANOS = 2_000_000;

    private final RewriteSql sql;
    private final PostgresRollups rollups;
    private final LockRetrier locks;
    private final RewriteOptions options;
    private final Drain drain;
    private Duration locked = Duration.ZERO;

    CutOver(RewriteSql sql, PostgresRollups rollups, LockRetrier locks, RewriteOptions options, Drain drain) {
        this.sql = sql;
        this.rollups = rollups;
        this.locks = locks;
        this.options = options;
        this.drain = drain;
    }

    /** For how long the table was locked in the attempt that came through. */
    Duration locked() {
        return locked;
    }

    /** Others are in the way; rolls back. */
    private static final class GivesWay extends RuntimeException {
        private static final long serialVersionUID = 1;

        private final transient List<String> others;

        GivesWay(List<String> others) {
            super(null, null, false, false);
            this.others = others;
        }
    }

    /**
     * Who was in the way; none if the copy is the table now.
     *
     * @param polite never waits for readers in a queue
     */
    List<String> attempt(Optional<PartitionInterval> target, boolean polite) throws SQLException {
        long began = System.nanoTime();
        try {
            locks.once(connection -> {
                swap(
                        connection,
                        target,
                        polite,
                        began + locks.pace().lockTimeout().toNanos());
                return sql;
            });
            locked = Duration.ofNanos(System.nanoTime() - began);
            return List.of();
        } catch (GivesWay e) {
            return e.others;
        } catch (SQLException e) {
            if (!LockRetrier.isBusy(e)) {
                throw e;
            }
            return List.of("locks of others (" + e.getMessage() + ")");
        }
    }

    private void swap(Connection connection, Optional<PartitionInterval> target, boolean polite, long deadline)
            throws SQLException {
        Related related = related(connection);
        LockRetrier.lock(connection, sql.table(), "share row exclusive", left(deadline));
        options.probe().reached(RewriteOptions.Point.WRITERS_LOCKED);
        String whole =
                drain.run(left(deadline)).orElseThrow(() -> new GivesWay(List.of("more changes than at other times")));
        options.probe().reached(RewriteOptions.Point.DRAINED);
        awaitSnapshots(connection, whole, related, deadline);
        options.probe().reached(RewriteOptions.Point.SNAPSHOTS_GONE);
        if (polite) {
            lockWhenFree(connection, related, deadline);
        } else {
            for (Map.Entry<String, String> lock : related.modes(sql).entrySet()) {
                LockRetrier.lock(connection, lock.getKey(), lock.getValue(), left(deadline));
            }
        }
        exchange(connection, target, whole);
        options.probe().reached(RewriteOptions.Point.SWAPPED_UNCOMMITTED);
    }

    /** Other tables: of some the triggers change, others only are what new foreign keys refer to. */
    private record Related(List<String> referring, List<String> referred) {

        /** How tables are locked for the exchange, the strongest locks first. */
        Map<String, String> modes(RewriteSql sql) {
            Map<String, String> modes = new LinkedHashMap<>();
            List<String> all = new ArrayList<>(List.of(sql.table()));
            all.addAll(referring);
            modes.put(String.join(", ", all), "access exclusive");
            if (!referred.isEmpty()) {
                modes.put(String.join(", ", referred), "share row exclusive");
            }
            return modes;
        }

        Map<String, String> values(RewriteSql sql) {
            return Map.of("table", sql.table(), "referring", array(referring), "referred", array(referred));
        }
    }

    private Related related(Connection connection) throws SQLException {
        Related related = new Related(new ArrayList<>(), new ArrayList<>());
        Map<String, String> values =
                Map.of("table", sql.table(), "role", sql.role().key());
        try (PreparedStatement statement = sql.statement("rebuild-related.sql").prepare(connection, values);
                ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                (row.getBoolean("refers") ? related.referring() : related.referred()).add(row.getString("name"));
            }
        }
        return related;
    }

    private static Duration left(long deadline) {
        return Duration.ofNanos(deadline - System.nanoTime());
    }

    private void awaitSnapshots(Connection connection, String whole, Related related, long deadline)
            throws SQLException {
        Map<String, String> first = snapshots(connection, sql, whole);
        Map<String, String> others = new LinkedHashMap<>(first);
        while (true) {
            List<String> entangled = entangled(connection, related);
            if (!entangled.isEmpty()) {
                throw new GivesWay(entangled);
            }
            if (others.isEmpty() || !options.guards().contains(RewriteOptions.Guard.WAIT_FOR_SNAPSHOTS)) {
                return;
            }
            if (System.nanoTime() > deadline) {
                throw new GivesWay(List.copyOf(others.values()));
            }
            LockSupport.parkNanos(POLL_NANOS);
            others = snapshots(connection, sql, whole);
            others.keySet().retainAll(first.keySet());
        }
    }

    /** The number of this transaction, which has one from now on. */
    static String ownTransaction(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("select pg_current_xact_id()::text as id");
                ResultSet row = statement.executeQuery()) {
            row.next();
            return row.getString("id");
        }
    }

    /** Whose snapshots may not see a transaction: how to tell them, and what people call them. */
    static Map<String, String> snapshots(Connection connection, RewriteSql sql, String transaction)
            throws SQLException {
        RewriteSql.run(connection, "select pg_stat_clear_snapshot()");
        Map<String, String> snapshots = new LinkedHashMap<>();
        Map<String, String> values = Map.of("table", sql.table(), "swapped_at", transaction);
        try (PreparedStatement statement =
                        sql.statement("rebuild-snapshots.sql").prepare(connection, values);
                ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                snapshots.put(row.getString("id"), row.getString("name"));
            }
        }
        return snapshots;
    }

    private List<String> entangled(Connection connection, Related related) throws SQLException {
        return sql.texts(connection, "rebuild-entangled.sql", related.values(sql), "name");
    }

    private void lockWhenFree(Connection connection, Related related, long deadline) throws SQLException {
        while (true) {
            List<String> holders = sql.texts(connection, "rebuild-holders.sql", related.values(sql), "name");
            if (holders.isEmpty() && locks.lockedAtOnce(connection, related.modes(sql))) {
                return;
            }
            List<String> entangled = entangled(connection, related);
            if (!entangled.isEmpty()) {
                throw new GivesWay(entangled);
            }
            if (System.nanoTime() > deadline) {
                throw new GivesWay(holders.isEmpty() ? List.of("readers who come and go") : holders);
            }
            LockSupport.parkNanos(POLL_NANOS);
        }
    }

    /** As PostgreSQL reads an array of texts. */
    private static String array(List<String> texts) {
        List<String> quoted = texts.stream()
                .map(text -> '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"')
                .toList();
        return '{' + String.join(",", quoted) + '}';
    }

    private void exchange(Connection connection, Optional<PartitionInterval> target, String whole) throws SQLException {
        TableDefinition.checkObstacles(connection, sql);
        checkSame(connection);
        List<TableDefinition.Index> indexes = TableDefinition.indexes(connection, sql, sql.table());
        checkIndexes(connection, indexes);

        RewriteForeignKeys foreignKeys = new RewriteForeignKeys(sql, target);
        foreignKeys.takeOff(connection);
        List<String> triggers = sql.texts(
                connection,
                "rebuild-triggers.sql",
                Map.of("table", sql.table(), "partitions", sql.partitions()),
                "statement");
        List<String> grants = sql.texts(
                connection, "rebuild-grants.sql", Map.of("table", sql.table(), "shadow", sql.shadow()), "statement");
        for (String grant : grants) {
            RewriteSql.run(connection, grant);
        }
        RewriteSql.run(connection, "alter table " + sql.table() + " rename to " + Identifiers.quote(sql.oldName()));
        RewriteSql.run(connection, "alter table " + sql.shadow() + " rename to " + Identifiers.quote(sql.name()));
        renameIndexes(connection, indexes, target);
        takeSequences(connection);
        for (String trigger : triggers) {
            RewriteSql.run(connection, trigger);
        }
        empty(connection);
        foreignKeys.putOn(connection);
        rollups.guardPartitions(connection);
        if (options.guards().contains(RewriteOptions.Guard.CHECK_WRITERS)) {
            RewriteSql.run(
                    connection,
                    sql.script("rebuild-check-snapshot.sql", Map.of("swapped_at", Identifiers.literal(whole))));
        }
        Map<String, String> values =
                Map.of("role", sql.role().key(), "step", target.map(Enum::name).orElse(""), "swapped_at", whole);
        try (PreparedStatement statement = sql.statement("rebuild-swapped.sql").prepare(connection, values)) {
            if (statement.executeUpdate() != 1) {
                throw new SQLException("somebody else goes on with the rebuild of " + sql.table());
            }
        }
    }

    /**
     * The old table's foreign keys would go on binding others to rows that nobody maintains any more. To drop them takes a lock on the
     * other tables that keeps readers out; without rows they bind nobody.
     */
    private void empty(Connection connection) throws SQLException {
        List<String> olds = new ArrayList<>(List.of(sql.old()));
        olds.addAll(PartitionCatalog.leaves(connection, sql, sql.old()));
        for (String old : olds) {
            RewriteSql.run(connection, "alter table " + old + " disable trigger user");
        }
        RewriteSql.run(connection, "truncate " + sql.old());
    }

    private void checkSame(Connection connection) throws SQLException {
        List<String> differences = sql.texts(
                connection,
                "rebuild-differences.sql",
                Map.of("table", sql.table(), "shadow", sql.shadow()),
                "difference");
        if (!differences.isEmpty()) {
            throw TableDefinition.refused(
                    sql,
                    "it was altered meanwhile (" + String.join(", ", differences)
                            + "); take the rebuild back and begin anew");
        }
    }

    /** One that was built on the table since the copy's were is built there before the next attempt. */
    private void checkIndexes(Connection connection, List<TableDefinition.Index> indexes) throws SQLException {
        for (TableDefinition.Index index : indexes) {
            if (!RewriteSql.exists(connection, Identifiers.qualified(sql.schema(), index.newName()))) {
                throw new GivesWay(List.of("the new index " + index.name()));
            }
        }
    }

    private void renameIndexes(
            Connection connection, List<TableDefinition.Index> indexes, Optional<PartitionInterval> target)
            throws SQLException {
        sql.execute(connection, "rebuild-unwiden.sql", Map.of("role", sql.role().key()));
        for (TableDefinition.Index index : indexes) {
            String schema = Identifiers.quote(sql.schema()) + ".";
            RewriteSql.run(connection, "alter index " + schema + index.name() + " rename to " + index.oldName());
            RewriteSql.run(connection, "alter index " + schema + index.newName() + " rename to " + index.name());
            if (index.isWidenedIn(target)) {
                Map<String, String> values = Map.of("role", sql.role().key(), "index", schema + index.name());
                sql.execute(connection, "rebuild-widen.sql", values);
            }
        }
    }

    /** Those of identity columns take the value and the name of the old ones, others only change their owner. */
    private void takeSequences(Connection connection) throws SQLException {
        Map<String, Sequence> olds = sequences(connection, sql.old());
        Map<String, Sequence> news = sequences(connection, sql.table());
        int number = 0;
        for (Map.Entry<String, Sequence> entry : olds.entrySet()) {
            Sequence old = entry.getValue();
            Sequence own = news.get(entry.getKey());
            if (!old.isIdentity()) {
                RewriteSql.run(
                        connection,
                        "alter sequence " + old.qualified() + " owned by " + sql.table() + "." + entry.getKey());
            } else if (own != null) {
                RewriteSql.run(
                        connection,
                        "select setval(" + Identifiers.literal(own.qualified())
                                + "::regclass, last_value, is_called) from " + old.qualified());
                String aside = Identifiers.quote(Index.named(sql.oldName(), "_" + number++ + "_seq"));
                RewriteSql.run(connection, "alter sequence " + old.qualified() + " rename to " + aside);
                RewriteSql.run(connection, "alter sequence " + own.qualified() + " rename to " + old.name());
            }
        }
    }

    /** Quoted. */
    private record Sequence(String schema, String name, boolean isIdentity) {
        String qualified() {
            return schema + "." + name;
        }
    }

    /** By the column, quoted. */
    private Map<String, Sequence> sequences(Connection connection, String table) throws SQLException {
        Map<String, Sequence> sequences = new HashMap<>();
        try (PreparedStatement statement =
                        sql.statement("rebuild-sequences.sql").prepare(connection, Map.of("table", table));
                ResultSet row = statement.executeQuery()) {
            while (row.next()) {
                sequences.put(
                        row.getString("column"),
                        new Sequence(row.getString("schema"), row.getString("name"), row.getBoolean("is_identity")));
            }
        }
        return sequences;
    }
}
