package io.usagekit.postgres.events;

import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlRow;
import io.usagekit.postgres.internal.SqlType;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.ToLongFunction;
import java.util.function.UnaryOperator;

/**
 * Looks up rows by id or key. A plain table is asked first, by a statement whose plan names no partition; then, of a partitioned table, the partitions between
 * the times that are entered for these ids. All partitions are asked where some have ids that aren't entered, and where a row isn't where its entry says.
 */
final class LookUps {

    /** Where a statement looks. */
    @SuppressWarnings("ImmutableEnumChecker") // maps that nobody changes
    enum Scope {
        PLAIN_TABLE("only", "", "", Map.of()),
        BETWEEN_TIMES("", "{between-times}", "is true", Map.of("first", SqlType.INSTANT, "last", SqlType.INSTANT)),
        ALL_PARTITIONS("", "", "", Map.of());

        private final Map<String, String> fragments;
        private final Map<String, SqlType> parameters;

        Scope(String only, String times, String unindexed, Map<String, SqlType> parameters) {
            fragments = Map.of("only", only, "times", times, "unindexed", unindexed);
            this.parameters = parameters;
        }

        Map<String, String> fragments() {
            return fragments;
        }

        /** Those of a statement with the fragments. */
        Map<String, SqlType> parametersOf(LedgerStatement statement) {
            Map<String, SqlType> all = new LinkedHashMap<>(statement.parameters());
            all.putAll(parameters);
            return all;
        }
    }

    private record Entries(
            boolean hasChildren, boolean areEntered, long number, Optional<Instant> first, Optional<Instant> last) {

        static Entries of(SqlRow row) throws SQLException {
            return new Entries(
                    row.flag("has_children"),
                    row.flag("are_entered"),
                    row.number("entries"),
                    row.optionalInstant("first"),
                    row.optionalInstant("last"));
        }
    }

    @FunctionalInterface
    private interface Run<T> {
        T of(SqlCall call) throws SQLException;
    }

    private final LedgerSql sql;

    /**
     * Looks up rows of a table.
     *
     * @param sql of any table
     */
    LookUps(LedgerSql sql, IdTable table) {
        this.sql = sql.forIdsOf(table);
    }

    /** The rows that a statement finds, at most one for each of these ids. */
    <T> List<T> find(
            Connection connection,
            LedgerStatement statement,
            Collection<String> ids,
            UnaryOperator<SqlCall> bound,
            SqlCall.Reader<T> reader)
            throws SQLException {
        return look(
                connection,
                statement,
                ids.size(),
                timesOf(connection, ids),
                call -> bound.apply(call).list(reader),
                List::size);
    }

    /** Runs a statement that changes the row with this id; returns whether there is one. */
    boolean update(Connection connection, LedgerStatement statement, String id, UnaryOperator<SqlCall> bound)
            throws SQLException {
        return look(
                        connection,
                        statement,
                        1,
                        timesOf(connection, List.of(id)),
                        call -> bound.apply(call).update(),
                        Long::longValue)
                > 0;
    }

    /** The live event with a key that is no duplicate. */
    <T> Optional<T> findFirst(Connection connection, String projectId, String idempotencyKey, SqlCall.Reader<T> reader)
            throws SQLException {
        UnaryOperator<SqlCall> bound =
                call -> call.text("project_id", projectId).text("idempotency_key", idempotencyKey);
        return look(
                        connection,
                        LedgerStatement.FIND_FIRST_EVENT,
                        1,
                        bound.apply(sql.call(connection, LedgerStatement.FIND_TIMES_OF_KEY)),
                        call -> bound.apply(call).list(reader),
                        List::size)
                .stream()
                .findFirst();
    }

    private SqlCall timesOf(Connection connection, Collection<String> ids) {
        return sql.call(connection, LedgerStatement.FIND_TIMES_OF_IDS).texts("ids", ids);
    }

    private <T> T look(
            Connection connection,
            LedgerStatement statement,
            long most,
            SqlCall times,
            Run<T> run,
            ToLongFunction<T> rows)
            throws SQLException {
        T found = run.of(call(connection, statement, Scope.PLAIN_TABLE));
        if (rows.applyAsLong(found) >= most) {
            return found;
        }
        Entries entries = times.one(Entries::of);
        if (!entries.hasChildren) {
            return found;
        }
        if (entries.areEntered) {
            if (entries.first.isEmpty() || entries.last.isEmpty()) {
                return found;
            }
            found = run.of(call(connection, statement, Scope.BETWEEN_TIMES)
                    .instant("first", entries.first.get())
                    .instant("last", entries.last.get()));
            if (rows.applyAsLong(found) >= Math.min(entries.number, most)) {
                return found;
            }
        }
        return run.of(call(connection, statement, Scope.ALL_PARTITIONS));
    }

    private SqlCall call(Connection connection, LedgerStatement statement, Scope scope) {
        return sql.call(connection, statement, scope.fragments(), scope.parametersOf(statement));
    }
}
