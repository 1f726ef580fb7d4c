package io.usagekit.page;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageService;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rows.PostgresRows;
import io.usagekit.servers.PostgresServer;
import io.usagekit.testkit.ManualClock;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.List;
import org.jsoup.Jsoup;
import org.jsoup.nodes.Document;
import org.jsoup.nodes.Element;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The page over a real database, by HTTP: figures, roll-ups and rows agree. */
class PostgresPageIT {

    private static final String SCHEMA = "page";
    private static final PostgresServer POSTGRES = PostgresServer.start();
    private static final ManualClock CLOCK = ManualClock.at("2026-03-17T12:00:00Z");
    private static final HttpClient HTTP = HttpClient.newHttpClient();
    private static final TableMapping MAPPING = TableMapping.usagekit(SCHEMA);
    private static final PostgresRollups ROLLUPS =
            PostgresRollups.builder(POSTGRES.dataSource()).mapping(MAPPING).build();
    private static final UsageService USAGE =
            UsageService.builder(ROLLUPS.calculator()).clock(CLOCK).build();
    private static final UsagePage PAGE = UsagePage.builder(USAGE)
            .details(UsageDetails.of(ROLLUPS, Duration.ofMinutes(1)))
            .rows(UsageRows.of(PostgresRows.of(POSTGRES.dataSource(), MAPPING)))
            .projects(new TableProjects(POSTGRES.dataSource(), SCHEMA))
            .clock(CLOCK)
            .build();
    private static final PageServer SERVER = new PageServer(() -> PAGE);

    @BeforeAll
    static void load() throws SQLException {
        try (Connection connection = POSTGRES.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("drop schema if exists page cascade; drop schema if exists page_rollups cascade");
            PostgresUsage.install(POSTGRES.dataSource(), SCHEMA);
            statement.execute("insert into page.projects (id, organisation_id, name, deleted_at) values"
                    + " ('p1', 'org-1', 'Orders', null), ('p2', 'org-1', '', null), ('p3', 'org-1', 'Old', now()),"
                    + " ('p4', 'org-2', 'Another''s', null);"
                    + "insert into page.events (id, project_id, raw, created_at) select 'e' || i, 'p' || 1 + i % 4,"
                    + " repeat('x', i), timestamptz '2026-03-10T00:00Z' + i * interval '20 minutes'"
                    + " from generate_series(1, 400) i;"
                    + "insert into page.event_deliveries (id, project_id, event_id, status, created_at)"
                    + " select 'd' || id, project_id, id, 'Success', created_at + interval '1 minute' from page.events"
                    + " where octet_length(raw) % 3 = 0");
            ROLLUPS.install();
            try (RollupWorker worker = ROLLUPS.worker().build()) {
                while (!worker.runOnce().finished()) {}
            }
        }
    }

    @AfterAll
    static void stop() {
        SERVER.close();
        USAGE.close();
        POSTGRES.close();
    }

    private static HttpResponse<String> get(String address) throws IOException, InterruptedException {
        return HTTP.send(HttpRequest.newBuilder(URI.create(SERVER.url(address))).build(), BodyHandlers.ofString());
    }

    private static Document page(String address) throws IOException, InterruptedException {
        HttpResponse<String> response = get(address);
        assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
        return Jsoup.parse(response.body());
    }

    private static long query(String sql) throws SQLException {
        try (Connection connection = POSTGRES.dataSource().getConnection();
                Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery(sql)) {
            assertThat(rows.next()).isTrue();
            return rows.getLong(1);
        }
    }

    private static long number(Document page, String selector) {
        return Long.parseLong(page.select(selector).text().replace(",", ""));
    }

    @Test
    void totalsProjectsAndDaysAreThoseOfTheTables() throws Exception {
        Document page = page("/usage/org-1?period=2026-03");

        String counted = " from page.events where project_id in ('p1', 'p2')";
        assertThat(number(page, "#received-volume")).isEqualTo(query("select count(*)" + counted));
        assertThat(number(page, "#received-bytes")).isEqualTo(query("select sum(octet_length(raw))" + counted));
        assertThat(page.select("#projects tbody th").eachText()).containsExactly("Orders p1", "p2");
        assertThat(page.select("#days [data-received-volume]").stream()
                        .mapToLong(row -> Long.parseLong(row.attr("data-received-volume")))
                        .sum())
                .isEqualTo(number(page, "#received-volume"));
        assertThat(page.select(".note").text())
                .isEqualTo("1 deleted project of this organisation doesn't count and has no row.");
    }

    @Test
    void eachDayLeadsToAsManyRowsAsItCounts() throws Exception {
        Document page = page("/usage/org-1?period=2026-03&zone=Asia/Kolkata");

        for (Element day : page.select("#days tbody tr")) {
            for (String side : List.of("received", "sent")) {
                long expected = Long.parseLong(day.attr("data-" + side + "-volume"));
                String next = day.select("a[href*=side=" + side + "]").attr("href");
                long rows = 0;
                while (!next.isEmpty()) {
                    Document events = page(next);
                    rows += events.select("#rows tbody tr").size();
                    next = events.select("#next").attr("href");
                }
                assertThat(rows).as(day.text()).isEqualTo(expected);
            }
        }
    }

    @Test
    void exportsWhatItShows() throws Exception {
        HttpResponse<String> events = get("/usage/org-1/events.csv?day=2026-03-12&side=received");
        HttpResponse<String> statement = get("/usage/org-1/statement.csv?period=2026-03");

        assertThat(events.body().lines().count() - 1)
                .isEqualTo(query("select count(*) from page.events where project_id in ('p1', 'p2')"
                        + " and created_at >= '2026-03-12Z' and created_at < '2026-03-13Z'"));
        assertThat(statement.body().lines().skip(1).map(line -> line.split(",", -1)[5]))
                .containsExactly("Orders", "", "Total");
    }

    @Test
    void answersAsHttpDemands() throws Exception {
        HttpResponse<String> head = HTTP.send(
                HttpRequest.newBuilder(URI.create(SERVER.url("/usage/org-1?period=2026-03")))
                        .method("HEAD", HttpRequest.BodyPublishers.noBody())
                        .build(),
                BodyHandlers.ofString());
        HttpResponse<String> post = HTTP.send(
                HttpRequest.newBuilder(URI.create(SERVER.url("/usage/org-1")))
                        .POST(HttpRequest.BodyPublishers.noBody())
                        .build(),
                BodyHandlers.ofString());

        assertThat(head.statusCode()).isEqualTo(200);
        assertThat(head.headers().firstValueAsLong("Content-Length").orElseThrow())
                .isPositive();
        assertThat(post.statusCode()).isEqualTo(405);
        assertThat(get("/usage/" + PageServer.CLOSED).statusCode()).isEqualTo(403);
        assertThat(get("/usage/").statusCode()).isEqualTo(404);
        assertThat(get("/usage/org-1/events?day=2026-03-12&cursor=forged").statusCode())
                .isEqualTo(400);
        assertThat(get("/usage/assets/uPlot.js").headers().firstValue("Content-Type"))
                .contains("text/javascript; charset=utf-8");
    }
}
