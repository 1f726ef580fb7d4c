package io.usagekit.cli.support;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.partitions.PartitionStatus;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupStatus;
import io.usagekit.postgres.rollups.spi.FeedStatus;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;

/** Looks for what a command needs, and says which command makes it. */
public final class Prerequisites {

    /** What the ledger adds to the library's own tables: columns by table. */
    private static final Map<String, List<String>> LEDGER_COLUMNS = Map.of(
            "events",
            List.of(
                    "source_id",
                    "idempotency_key",
                    "is_duplicate",
                    "status",
                    "headers",
                    "acknowledged_at",
                    "updated_at",
                    "url_path",
                    "url_query_params",
                    "metadata"),
            "event_deliveries",
            List.of("endpoint_id", "failure_reason", "metadata", "updated_at"));

    /** What the ledger adds beside them. */
    private static final List<String> LEDGER_TABLES =
            List.of("endpoints", "sources", "events_endpoints", "events_search");

    /** The column by which the library's own tables are distinguished from others. */
    private static final String OWN_COLUMN = "payload_bytes";

    private static final List<String> TABLES = List.of("projects", "events", "event_deliveries");

    private static final Duration FEED_TIMEOUT = Duration.ofSeconds(30);

    private Prerequisites() {}

    /**
     * Requires the tables of events in a schema, the library's own or a gateway's.
     *
     * @throws UsageStorageException naming what is missing and the command that makes it
     */
    public static void tables(DataSource dataSource, String schema) {
        try (Connection connection = dataSource.getConnection()) {
            if (!exists(connection, "to_regnamespace", quote(schema))) {
                throw missing("there is no schema " + quote(schema) + " in the database", "install", schema);
            }
            for (String table : TABLES) {
                if (!exists(connection, "to_regclass", qualified(schema, table))) {
                    throw missing("there is no table " + qualified(schema, table), "install", schema);
                }
            }
        } catch (SQLException e) {
            throw unreadable(schema, e);
        }
    }

    private static UsageStorageException missing(String what, String command, String schema) {
        return new UsageStorageException(
                what + "; run " + Commands.on(schema).command(command)
                        + " first, or name the tables of the host by --schema or" + " --mapping",
                null);
    }

    /**
     * Requires the library's own tables with what the ledger adds to them.
     *
     * @throws UsageStorageException naming what is missing and the command that makes it
     */
    public static void ledger(DataSource dataSource, String schema) {
        tables(dataSource, schema);
        try (Connection connection = dataSource.getConnection()) {
            requireOwn(
                    connection,
                    schema,
                    "the event ledger works on those only; run "
                            + Commands.on(schema).command("rows received")
                            + " for the rows behind a figure in these tables");
            List<String> lacking = new ArrayList<>();
            for (Map.Entry<String, List<String>> table : LEDGER_COLUMNS.entrySet()) {
                for (String column : table.getValue()) {
                    if (!hasColumn(connection, qualified(schema, table.getKey()), column)) {
                        lacking.add("the column " + table.getKey() + "." + column);
                    }
                }
            }
            for (String table : LEDGER_TABLES) {
                if (!exists(connection, "to_regclass", qualified(schema, table))) {
                    lacking.add("the table " + table);
                }
            }
            if (!lacking.isEmpty()) {
                throw new UsageStorageException(
                        "the schema " + quote(schema) + " lacks parts of the event ledger ("
                                + String.join(", ", lacking) + "); run "
                                + Commands.on(schema).command("install") + " first",
                        null);
            }
        } catch (SQLException e) {
            throw unreadable(schema, e);
        }
    }

    /**
     * Requires that a schema holds no tables of somebody else's under the names of the library's own.
     *
     * @throws UsageStorageException if it does
     */
    public static void noOtherTables(DataSource dataSource, String schema) {
        try (Connection connection = dataSource.getConnection()) {
            if (exists(connection, "to_regclass", qualified(schema, "events"))) {
                requireOwn(
                        connection,
                        schema,
                        "choose another schema for the library's own tables, or run "
                                + Commands.on(schema).command("rollups install") + " for roll-ups of these tables");
            }
        } catch (SQLException e) {
            throw unreadable(schema, e);
        }
    }

    /**
     * Requires the library's own table of events.
     *
     * @param advice what to do about another one
     */
    private static void requireOwn(Connection connection, String schema, String advice) throws SQLException {
        if (!hasColumn(connection, qualified(schema, "events"), OWN_COLUMN)) {
            throw new UsageStorageException(
                    "the table " + qualified(schema, "events") + " isn't the library's own: it has no column "
                            + OWN_COLUMN + "; " + advice,
                    null);
        }
    }

    /**
     * Requires roll-ups of this version.
     *
     * @throws UsageStorageException if there are none
     */
    public static RollupStatus rollups(PostgresRollups rollups, Commands commands) {
        return rollups.status()
                .orElseThrow(() -> new UsageStorageException(
                        "there are no roll-ups of this version in the schema " + rollups.schema() + "; run "
                                + commands.command("rollups install") + " first",
                        null));
    }

    /**
     * Requires roll-ups in which hours are rolled.
     *
     * @throws UsageStorageException if there are none, or nothing is rolled yet
     */
    public static void rolled(PostgresRollups rollups, Commands commands) {
        if (rollups(rollups, commands).coveredBefore().isEmpty()) {
            throw new UsageStorageException(
                    "nothing is rolled yet in the schema " + rollups.schema() + "; run "
                            + commands.command("rollups backfill") + " first",
                    null);
        }
    }

    /**
     * Requires the feed of roll-ups, on their tables of today.
     *
     * @throws UsageStorageException if there is none
     */
    public static FeedStatus feed(RollupFeed feed, Commands commands) {
        return feed.status(FEED_TIMEOUT)
                .filter(FeedStatus::intact)
                .orElseThrow(() -> new UsageStorageException(
                        "there is no feed of these roll-ups in the schema " + feed.schema() + "; run "
                                + commands.command("clickhouse install") + " first",
                        null));
    }

    /**
     * Requires tables of which at least one is partitioned; the library itself looks for interrupted rewrites of the other.
     *
     * @throws UsageStorageException if both are plain
     */
    public static void partitioned(PostgresPartitions partitions, TableMapping mapping, Commands commands) {
        PartitionStatus status = partitions.status();
        if (status.events().key().isPresent() || status.deliveries().key().isPresent()) {
            return;
        }
        boolean rewriting = status.events().rewrite().isPresent()
                || status.deliveries().rewrite().isPresent();
        String run = commands.command("partitions run");
        throw new UsageStorageException(
                "neither " + qualified(mapping.schema(), mapping.events()) + " nor "
                        + qualified(mapping.schema(), mapping.deliveries()) + " is partitioned"
                        + (rewriting
                                ? ", and a rewrite was interrupted; continue it by " + run + ", or undo it by "
                                        + commands.command("partitions undo")
                                : "; run " + run + " first"),
                null);
    }

    private static boolean exists(Connection connection, String function, String name) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("select " + function + "(?) is not null")) {
            statement.setString(1, name);
            return single(statement);
        }
    }

    private static boolean hasColumn(Connection connection, String table, String column) throws SQLException {
        try (PreparedStatement statement =
                connection.prepareStatement("select exists (select from pg_catalog.pg_attribute"
                        + " where attrelid = to_regclass(?) and attname = ? and not attisdropped)")) {
            statement.setString(1, table);
            statement.setString(2, column);
            return single(statement);
        }
    }

    private static boolean single(PreparedStatement statement) throws SQLException {
        try (ResultSet row = statement.executeQuery()) {
            row.next();
            return row.getBoolean(1);
        }
    }

    private static UsageStorageException unreadable(String schema, SQLException e) {
        return new UsageStorageException("the tables of the schema " + quote(schema) + " can't be looked up", e);
    }

    private static String qualified(String schema, String table) {
        return quote(schema) + "." + quote(table);
    }

    private static String quote(String identifier) {
        return '"' + identifier.replace("\"", "\"\"") + '"';
    }
}
