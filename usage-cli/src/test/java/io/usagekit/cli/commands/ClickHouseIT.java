package io.usagekit.cli.commands;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.clickhouse.jdbc.DataSourceImpl;
import io.usagekit.cli.Run;
import io.usagekit.cli.TestServers;
import io.usagekit.servers.ClickHouseCluster;
import io.usagekit.servers.EmbeddedClickHouseCluster;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.List;
import java.util.Properties;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The commands that keep the sums of roll-ups on two shards. */
@Tag("thorough")
class ClickHouseIT {

    private static final String SCHEMA = "celled";

    private EmbeddedClickHouseCluster cluster;

    @BeforeEach
    void create() {
        // ClickHouse isn't published to Maven Central: a machine without it skips these tests, and says so. .ci/run
        // installs it, so that no change is merged without them.
        assumeTrue(ClickHouseCluster.isInstalled(), () -> ClickHouseCluster.announceSkipped(ClickHouseIT.class));
        cluster = EmbeddedClickHouseCluster.start(2);
        drop();
        TestServers.gatewayTables(SCHEMA);
        TestServers.execute("insert into celled.projects select 'p' || n, 'org-123', null from generate_series(1, 8) n;"
                + "insert into celled.events select 'e' || n, 'p' || n % 8 + 1, 'seven b', '', timestamptz '2026-03-17Z'"
                + " + n * interval '1 hour', null from generate_series(1, 100) n");
        run("rollups", "install").succeeded();
        run("rollups", "backfill").succeeded();
    }

    @AfterEach
    void stop() {
        if (cluster != null) {
            cluster.close();
            drop();
        }
    }

    private static void drop() {
        for (String suffix : List.of("_rollups_feed", "_rollups", "")) {
            TestServers.without(SCHEMA + suffix);
        }
    }

    private static Run run(String... command) {
        return Run.of(Stream.of(List.of(command), List.of("--jdbc-url", TestServers.jdbcUrl(), "--schema", SCHEMA))
                .flatMap(List::stream)
                .toArray(String[]::new));
    }

    private Run clickHouse(String... command) {
        return clickHouse(0, command);
    }

    /** Runs a command on one of the servers. */
    private Run clickHouse(int server, String... command) {
        return run(Stream.of(
                        List.of(command),
                        List.of(
                                "--clickhouse-url",
                                cluster.jdbcUrls().get(server),
                                "--clickhouse-cluster",
                                cluster.name()))
                .flatMap(List::stream)
                .toArray(String[]::new));
    }

    private static String figure(Run get) {
        return get.succeeded().out().replaceAll("\"created_at\":\"[^\"]*\"", "");
    }

    private static final String[] GET = {"get", "--organisation", "org-123", "--period", "2026-03"};

    private void execute(int server, String sql) {
        try (Connection connection =
                        new DataSourceImpl(cluster.jdbcUrls().get(server), new Properties()).getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(sql);
        } catch (SQLException e) {
            throw new AssertionError(sql, e);
        }
    }

    @Test
    void installShipReadVerifyAndRepair() {
        for (int server = 0; server < 2; server++) {
            assertThat(clickHouse(server, "clickhouse", "install").succeeded().out())
                    .startsWith("The feed is in schema celled_rollups_feed, and the tables are on ClickHouse.");
        }
        assertThat(clickHouse("clickhouse", "status").succeeded().out())
                .containsPattern("hours to ship: +100\\R")
                .contains("nothing is shipped yet");

        assertThat(clickHouse("clickhouse", "ship").succeeded().out())
                .matches("100 hours are shipped; ClickHouse is complete up to version \\d+\\.\\R");
        assertThat(clickHouse("clickhouse", "ship").succeeded().out()).startsWith("0 hours are shipped; ");
        assertThat(clickHouse("clickhouse", "status").succeeded().out())
                .containsPattern("hours to ship: +0\\R")
                .containsPattern("oldest since: +-\\R");
        String expected = figure(run(GET));
        assertThat(expected).contains("\"received\":{\"volume\":100,\"bytes\":700}");
        assertThat(figure(clickHouse(GET))).isEqualTo(expected);
        assertThat(clickHouse("clickhouse", "verify").succeeded().out())
                .matches("All \\d+ days of projects on ClickHouse are those of the roll-ups\\.\\R");

        execute(0, "truncate table usagekit.cell_local");
        Run differing = clickHouse("clickhouse", "verify", "--repair");
        assertThat(differing.exitCode()).isEqualTo(1);
        assertThat(differing.out())
                .containsPattern("p\\d from 2026-03-01 to 2026-04-01 differs\\R")
                .containsPattern("\\d months of projects differed and are to be shipped again\\.\\R");
        assertThat(figure(clickHouse(GET))).as("before they are").isEqualTo(expected);
        clickHouse("clickhouse", "ship").succeeded();
        clickHouse("clickhouse", "verify").succeeded();
        assertThat(figure(clickHouse(GET))).isEqualTo(expected);

        for (String table : List.of("cell_local", "day_local", "project_local", "watermark_local")) {
            execute(1, "truncate table usagekit." + table);
        }
        assertThat(clickHouse("clickhouse", "ship", "--all").succeeded().out())
                .matches("[\\d,]+ hours are shipped; ClickHouse is complete up to version \\d+\\.\\R");
        clickHouse("clickhouse", "verify").succeeded();
        assertThat(figure(clickHouse(GET))).isEqualTo(expected);

        cluster.kill(1);
        for (String[] command :
                List.of(GET, new String[] {"clickhouse", "status"}, new String[] {"clickhouse", "verify"})) {
            Run failed = clickHouse(command).saying("ALL_CONNECTION_TRIES_FAILED");
            assertThat(failed.exitCode()).isEqualTo(1);
            assertThat(failed.out()).isEmpty();
            assertThat(failed.err().strip().lines()).hasSize(1);
        }
        assertThat(figure(run(GET))).as("without ClickHouse").isEqualTo(expected);
    }
}
