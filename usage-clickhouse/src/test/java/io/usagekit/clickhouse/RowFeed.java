package io.usagekit.clickhouse;

import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Feeds of rows of events in place of cells: the negative controls. What an insert failed to send is sent again. Not thread-safe. */
final class RowFeed {

    /** What a feed sends, and how its rows are counted. */
    enum Variant {
        /** Reads the rows created since the newest one, less an overlap; at first all. Counts the newest version of each id, exactly. */
        POLLER,
        /** Reads all rows and sends each that has changed. Counts by {@code FINAL}, which knows the rows of one shard. */
        FINAL;

        private String rows(boolean isFirst) {
            return isFirst || this == FINAL
                    ? ""
                    : " where created_at >= (select max(created_at) from {s}.events) - interval '" + OVERLAP + "'";
        }

        private String count(String table) {
            return "select toString((count(), sum(bytes))) from "
                    + (this == FINAL
                            ? table + " final where not is_deleted"
                            : "(select id, argMax(bytes, version) as bytes, argMax(is_deleted, version) as is_deleted from "
                                    + table + " group by id) where not is_deleted");
        }
    }

    /** Of the fast clock. */
    private static final Duration OVERLAP = Duration.ofDays(1);

    private record Row(String project, long bytes, boolean isDeleted) {}

    private final Variant variant;
    private final StressTables tables;
    private final TestCluster cluster;
    private final String table;
    private final Map<String, Row> sent = new HashMap<>();
    private long version;

    RowFeed(Variant variant, StressTables tables, TestCluster cluster, String database) {
        this.variant = variant;
        this.tables = tables;
        this.cluster = cluster;
        this.table = database + ".rows_" + variant.name().toLowerCase(Locale.ROOT);
        for (int shard = 0; shard < cluster.jdbcUrls().size(); shard++) {
            cluster.execute(
                    shard,
                    "create table " + table
                            + "_local (id String, project String, bytes Int64, is_deleted Bool, version Int64)"
                            + " engine = ReplacingMergeTree(version) order by id",
                    "create table " + table + " as " + table + "_local engine = Distributed("
                            + cluster.name() + ", " + database + ", " + table.replaceFirst(".*\\.", "")
                            + "_local, cityHash64(project))");
        }
    }

    /** Sends what has changed; an exception if a server is away. */
    void poll() throws SQLException {
        Map<String, Row> changed = read();
        if (changed.isEmpty()) {
            return;
        }
        version++;
        List<String> values = new ArrayList<>();
        changed.forEach((id, row) -> values.add(
                "('" + id + "', '" + row.project + "', " + row.bytes + ", " + row.isDeleted + ", " + version + ")"));
        cluster.execute(
                0,
                "insert into " + table
                        + " (id, project, bytes, is_deleted, version) settings distributed_foreground_insert = 1,"
                        + " async_insert = 0 values " + String.join(", ", values));
        sent.putAll(changed);
    }

    private Map<String, Row> read() throws SQLException {
        Map<String, Row> changed = new HashMap<>();
        Map<String, Row> left = variant == Variant.FINAL ? new HashMap<>(sent) : new HashMap<>();
        try (Connection connection = tables.dataSource().getConnection();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(StressTables.named(
                        "select id, project_id, payload_bytes, deleted_at is not null from {k}.events"
                                + variant.rows(sent.isEmpty())))) {
            while (rows.next()) {
                Row row = new Row(rows.getString(2), rows.getLong(3), rows.getBoolean(4));
                left.remove(rows.getString(1));
                if (!row.equals(sent.get(rows.getString(1)))) {
                    changed.put(rows.getString(1), row);
                }
            }
        }
        left.forEach((id, row) -> {
            if (!row.isDeleted) {
                changed.put(id, new Row(row.project, row.bytes, true));
            }
        });
        return changed;
    }

    /** How many events there are and their octets, by the rows that were sent. */
    String counted() {
        return cluster.query(0, variant.count(table)).get(0);
    }

    /** What is right: the same by the rows that there are. */
    String expected() {
        try (Connection connection = tables.dataSource().getConnection();
                Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(StressTables.named(
                        "select count(*), sum(payload_bytes) from {k}.events where deleted_at is null"))) {
            row.next();
            return "(" + row.getLong(1) + "," + row.getLong(2) + ")";
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }
}
