package io.usagekit.examples;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.servers.PostgresServer;
import io.usagekit.servers.RedisServer;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What the README quotes runs, and prints what it says. */
class MainsIT {

    private static final PostgresServer POSTGRES = PostgresServer.start();
    private static final RedisServer REDIS = RedisServer.start();

    @BeforeAll
    static void load() throws SQLException {
        try (Connection connection = POSTGRES.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("drop schema if exists usagekit cascade; drop schema if exists app cascade");
            PostgresUsage.install(POSTGRES.dataSource(), TableMapping.DEFAULT_SCHEMA);
            statement.execute("insert into usagekit.projects (id, organisation_id) values ('p', 'org-123');"
                    + "insert into usagekit.events (id, project_id, raw, created_at)"
                    + " values ('e', 'p', 'héllo', '2026-03-17T00:00Z')");
            statement.execute("create schema app;"
                    + "create table app.workspaces (id bigint primary key, account_id text);"
                    + "create table app.messages (id uuid primary key default gen_random_uuid(), workspace_id bigint,"
                    + " headers jsonb, body text, created_at timestamptz);"
                    + "create table app.attempts (workspace_id bigint, message_id uuid, status text,"
                    + " created_at timestamptz);"
                    + "insert into app.workspaces values (1, 'account-7');"
                    + "insert into app.messages (workspace_id, headers, body, created_at)"
                    + " values (1, '{}', 'hello', '2026-03-17T12:00Z');"
                    + "insert into app.attempts select 1, id, 'acknowledged', created_at from app.messages");
        }
    }

    @AfterAll
    static void stop() {
        POSTGRES.close();
        REDIS.close();
    }

    /**
     * Runs a program until it prints the text, at most ten times: on a loaded machine Redis may take longer than the default command
     * timeout, and the program then shows what it does in an outage.
     */
    private static String printedWithRedisInTime(Runnable main, String text) {
        String printed = printed(main);
        for (int run = 1; run < 10 && !printed.contains(text); run++) {
            printed = printed(main);
        }
        return printed;
    }

    private static String printed(Runnable main) {
        PrintStream before = System.out;
        ByteArrayOutputStream octets = new ByteArrayOutputStream();
        System.setOut(new PrintStream(octets, true, StandardCharsets.UTF_8));
        try {
            main.run();
        } finally {
            System.setOut(before);
        }
        return octets.toString(StandardCharsets.UTF_8);
    }

    @Test
    void embed() {
        assertThat(printed(() -> EmbedMain.main(POSTGRES.jdbcUrl(), REDIS.url())))
                .contains("\"organisation_id\":\"org-123\"", "\"received\":{\"volume\":1,\"bytes\":6}");
    }

    @Test
    void hostTables() {
        assertThat(printed(() -> HostTablesMain.main(POSTGRES.jdbcUrl())))
                .startsWith("FRESH")
                .contains("received=UsageMetrics[volume=1, bytes=7], sent=UsageMetrics[volume=1, bytes=7]");
    }

    @Test
    void rows() {
        assertThat(printed(() -> RowsMain.main(POSTGRES.jdbcUrl())))
                .startsWith("2026-03-17T12:00:00Z OptionalLong[7]")
                .contains("created_at,delivery_id,event_id,project_id,bytes\n2026-03-17T12:00:00Z,")
                .contains(",1,7\n")
                .contains("sent: UsageMetrics[volume=1, bytes=7]");
    }

    @Test
    void rollups() {
        assertThat(printed(() -> RollupsMain.main(POSTGRES.jdbcUrl())))
                .startsWith("FRESH")
                .contains("received=UsageMetrics[volume=1, bytes=6]");
    }

    @Test
    void ledger() {
        assertThat(printed(() -> LedgerMain.main(POSTGRES.jdbcUrl())))
                .isEqualTo("event-1 order.created 15 bytes" + System.lineSeparator());
    }

    @Test
    void partitions() {
        assertThat(printed(() -> PartitionsMain.main(POSTGRES.jdbcUrl())))
                .containsPattern("^[1-9]\\d* rows copied, ")
                .contains("Partition[name=events_p202603, lower=Optional[2026-03-01T00:00:00Z]");
    }

    @Test
    void meters() {
        assertThat(printed(() -> MetersMain.main(POSTGRES.jdbcUrl())))
                .isEqualTo("1 misses, 1 computations, 4 permits" + System.lineSeparator());
    }

    @Test
    void listener() {
        assertThat(printed(() -> ListenerMain.main(POSTGRES.jdbcUrl())))
                .matches(
                        "0 of 4 permits in use, 0 queued, 0 loads in flight, cache UNKNOWN\\R1 computed in \\d+ ms, 0 failed\\R");
    }

    @Test
    void async() {
        Supplier<String> run = () -> printed(() -> AsyncMain.main(POSTGRES.jdbcUrl(), REDIS.url()));

        assertThat(run.get()).contains("\"organisation_id\":\"org-123\"");
        assertThat(Stream.generate(run).limit(10)) // the second, unless Redis takes too long to answer
                .anyMatch(json -> json.contains("\"received\":{\"volume\":1,\"bytes\":6}")
                        && json.contains("\"status\":\"fresh\""));
    }

    @Test
    void endpoint() {
        assertThat(printed(() -> EndpointMain.main(POSTGRES.jdbcUrl())).lines())
                .satisfiesExactly(
                        first -> assertThat(first)
                                .startsWith("Response[status=200, headers={Cache-Control=private, max-age=")
                                .contains("ETag=W/\"", "\"zone\":\"Asia/Kolkata\"", "\"volume\":1,\"bytes\":6"),
                        again -> assertThat(again)
                                .startsWith("Response[status=304")
                                .contains("ETag=W/", "body=]"),
                        wrong -> assertThat(wrong)
                                .startsWith("Response[status=400, headers={Cache-Control=no-store}")
                                .contains("\"status\":false", "\"error\":\"invalid_request\"", "March"));
    }

    @Test
    void bulk() {
        assertThat(printed(() -> BulkMain.main(POSTGRES.jdbcUrl(), REDIS.url())).lines())
                .satisfiesExactly(
                        first -> assertThat(first).contains("org-123", "\"received\":{\"volume\":1,\"bytes\":6}"),
                        second -> assertThat(second).contains("org-456", "\"received\":{\"volume\":0,\"bytes\":0}"),
                        february -> assertThat(february).startsWith("\"org-123\" in 2026-02: FRESH"),
                        march -> assertThat(march).startsWith("\"org-123\" in 2026-03: FRESH"));
    }

    @Test
    void fleet() {
        assertThat(printed(() -> FleetMain.main(POSTGRES.jdbcUrl(), REDIS.url())))
                .contains("received=UsageMetrics[volume=1, bytes=6]");
    }

    @Test
    void fleetWithoutRedis() {
        for (int run = 1; run <= 2; run++) {
            assertThat(printed(() -> PostgresFleetMain.main(POSTGRES.jdbcUrl())))
                    .contains("received=UsageMetrics[volume=1, bytes=6]");
        }
    }

    @Test
    void near() {
        assertThat(printedWithRedisInTime(() -> NearMain.main(POSTGRES.jdbcUrl(), REDIS.url()), "NEAR"))
                .contains("SHARED", "NEAR");
    }

    @Test
    void outage() {
        assertThat(printedWithRedisInTime(
                        () -> OutageMain.main(POSTGRES.jdbcUrl(), REDIS.url()), "received=UsageMetrics"))
                .containsAnyOf("received=UsageMetrics[volume=1, bytes=6]", "not known yet, ask again");
        assertThat(printed(() -> OutageMain.main(POSTGRES.jdbcUrl(), "redis://127.0.0.1:1")))
                .startsWith("no figure: the usage of ")
                .contains("isn't computed while the cache can't be reached");
    }

    @Test
    void warm() {
        assertThat(printed(() -> WarmMain.main(POSTGRES.jdbcUrl(), REDIS.url())))
                .containsPattern("^[012] cached already, [012] computed, 0 failed\\R")
                .contains("FRESH")
                .contains("received=UsageMetrics[volume=1, bytes=6]");
    }
}
