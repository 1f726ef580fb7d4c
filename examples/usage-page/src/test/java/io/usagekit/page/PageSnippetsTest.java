package io.usagekit.page;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.usagekit.UsageService;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rows.PostgresRows;
import io.usagekit.testkit.InMemoryUsageCalculator;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.time.ZoneId;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.postgresql.ds.PGSimpleDataSource;

/** What the documentation quotes; the database is one that can't be reached. */
class PageSnippetsTest {

    // tag::quote
    private static UsagePage page(UsageService usage, DataSource dataSource, PostgresRollups rollups) {
        TableMapping mapping = TableMapping.usagekit();
        return UsagePage.builder(usage)
                .details(UsageDetails.of(rollups, Duration.ofSeconds(5)))
                .rows(UsageRows.of(PostgresRows.of(dataSource, mapping)))
                .projects(new TableProjects(dataSource, TableMapping.DEFAULT_SCHEMA))
                .zone(ZoneId.of("Europe/Berlin"))
                .build();
    }

    private static void serve(HttpServer server, UsagePage page) {
        server.createContext(page.basePath() + "/", new UsagePageHandler(page, PageSnippetsTest::mayRead));
    }
    // end::quote

    private static boolean mayRead(HttpExchange exchange, String organisationId) {
        return organisationId.equals("org-123");
    }

    @Test
    void servesThePageToWhomeverMaySeeIt() throws Exception {
        PGSimpleDataSource dataSource = new PGSimpleDataSource();
        dataSource.setURL("jdbc:postgresql://127.0.0.1:1/nothing");
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        try (UsageService usage =
                UsageService.builder(InMemoryUsageCalculator.create()).build()) {
            serve(server, page(usage, dataSource, PostgresRollups.of(dataSource, TableMapping.usagekit())));
            server.start();

            HttpResponse<String> own = get(server, "/usage/org-123");
            HttpResponse<String> other = get(server, "/usage/org-124");

            assertThat(own.statusCode()).isEqualTo(200);
            assertThat(own.body()).contains("Europe/Berlin", "Days and projects can't be shown at present");
            assertThat(other.statusCode()).isEqualTo(403);
        } finally {
            server.stop(0);
        }
    }

    private static HttpResponse<String> get(HttpServer server, String path) throws Exception {
        URI address = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + path);
        return HttpClient.newHttpClient().send(HttpRequest.newBuilder(address).build(), BodyHandlers.ofString());
    }
}
