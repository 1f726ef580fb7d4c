package io.usagekit.postgres.rollups.internal;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlErrors;
import io.usagekit.postgres.internal.SqlStatements;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.InstantSource;

/**
 * The roll-ups that a feed is of.
 *
 * @param tables the schema of the host's tables
 * @param rollups the roll-ups' schema
 * @param statements reads the roll-ups' statements; an error if there are no roll-ups of this version and mapping
 * @param isEveryChangeTracked whether each change of the host's rows leaves a dirty mark, also in partitions
 * @param projectIdType reads the type of the projects' ids, as DDL writes it
 */
public record FeedSource(
        Jdbc jdbc,
        String tables,
        String rollups,
        InstantSource clock,
        Jdbc.Work<SqlStatements> statements,
        Jdbc.Work<Boolean> isEveryChangeTracked,
        Jdbc.Work<String> projectIdType) {

    static final Duration CHANGE_TIMEOUT = Duration.ofMinutes(5);

    /** The feed's schema, not quoted. */
    String schema() {
        return FeedNames.schema(rollups);
    }

    boolean isPresent(Connection connection) throws SQLException {
        return call(connection, "feed-is-present").answer();
    }

    SqlCall call(Connection connection, String statement) throws SQLException {
        return SqlCall.of(connection, statements.run(connection).template(statement));
    }

    /** What changes the feed in one transaction. */
    @FunctionalInterface
    interface Change {
        void run(Connection connection, SqlStatements sql) throws SQLException;
    }

    /**
     * Changes the feed in one transaction.
     *
     * @param operation for the message
     * @throws UsageStorageException if the feed isn't installed, or the database refuses
     */
    void change(String operation, Change change) {
        change(operation, CHANGE_TIMEOUT, change);
    }

    /** Changes the feed as {@link #change(String, Change)} does, unless that takes longer. */
    void change(String operation, Duration timeout, Change change) {
        try {
            jdbc.transaction(Jdbc.Mode.WRITE, timeout, connection -> {
                SqlStatements sql = statements.run(connection);
                if (!isPresent(connection)) {
                    throw notInstalled();
                }
                change.run(connection, sql);
                return sql;
            });
        } catch (SQLException e) {
            throw failed(operation, e);
        }
    }

    UsageStorageException notInstalled() {
        return UsageStorageException.permanent(
                "the feed in the schema " + Identifiers.quote(schema())
                        + " isn't installed, or the roll-ups' tables or its triggers are others since; call install()",
                null);
    }

    UsageStorageException failed(String operation, SQLException e) {
        return SqlErrors.storageFailure(
                operation + " the feed in the schema " + Identifiers.quote(schema()) + " failed", e);
    }
}
