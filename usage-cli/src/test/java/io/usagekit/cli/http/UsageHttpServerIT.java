package io.usagekit.cli.http;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.lettuce.core.RedisClient;
import io.usagekit.UsageService;
import io.usagekit.cli.Run;
import io.usagekit.cli.TestServers;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.redis.RedisUsage;
import io.usagekit.testkit.InMemoryUsageCalculator;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The endpoint as a client sees it, over PostgreSQL and Redis. */
class UsageHttpServerIT {

    private static final String SCHEMA = "http";
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final HttpClient HTTP = HttpClient.newHttpClient();

    private static RedisClient redis = RedisClient.create(TestServers.REDIS.url());
    private static UsageHttpServer server = UsageHttpServer.bind(0);
    private static UsageService usage = UsageService.builder(
                    PostgresUsage.calculator(TestServers.POSTGRES.dataSource(), TableMapping.usagekit(SCHEMA)))
            .cache(RedisUsage.builder(redis).keyPrefix("http-it").build())
            .build();

    @BeforeAll
    static void load() {
        Run.of("install", "--jdbc-url", TestServers.jdbcUrl(), "--schema", TestServers.without(SCHEMA))
                .succeeded();
        TestServers.execute(
                "insert into http.projects (id, organisation_id) values ('p1', 'org-123'), ('p2', 'a/b: {c}% 🚀');"
                        + "insert into http.events (id, project_id, raw, data, created_at) values"
                        + " ('e1', 'p1', 'héllo', '\\x0102', '2026-03-01T00:00Z'), ('e2', 'p1', 'x', '', '2026-03-31T23:59:59.999999Z'),"
                        + " ('e3', 'p1', 'later', '', '2026-04-01T00:00Z'), ('e4', 'p2', '🚀', '', '2026-03-17T00:00Z');"
                        + "insert into http.event_deliveries (id, project_id, event_id, status, created_at) values"
                        + " ('d1', 'p1', 'e1', 'Success', '2026-03-01T00:00:01Z'), ('d2', 'p1', 'e1', 'Failure', '2026-03-01T00:00:01Z'),"
                        + " ('d3', 'p2', 'e4', 'Success', '2026-03-17T00:00:01Z')");
        server.serve(usage);
    }

    @AfterAll
    static void stop() {
        server.close();
        usage.close();
        redis.shutdown();
    }

    private static HttpResponse<String> send(String method, String target) throws IOException, InterruptedException {
        return sendTo(server, method, target);
    }

    private static HttpResponse<String> sendTo(UsageHttpServer to, String method, String target)
            throws IOException, InterruptedException {
        HttpRequest request = HttpRequest.newBuilder(URI.create(to.url() + target))
                .method(method, HttpRequest.BodyPublishers.noBody())
                .build();
        return HTTP.send(request, BodyHandlers.ofString());
    }

    private static JsonNode json(HttpResponse<String> response, int status) throws IOException {
        assertThat(response.statusCode()).as(response.body()).isEqualTo(status);
        assertThat(response.headers().firstValue("Content-Type")).hasValue("application/json; charset=utf-8");
        return JSON.readTree(response.body());
    }

    private static void assertError(HttpResponse<String> response, int status, String message) throws IOException {
        JsonNode error = json(response, status);
        assertThat(error.size()).isEqualTo(2);
        assertThat(error.path("status").isBoolean()).isTrue();
        assertThat(error.path("status").asBoolean()).isFalse();
        assertThat(error.path("message").asText()).contains(message);
    }

    @Test
    void aMonth() throws IOException, InterruptedException {
        HttpResponse<String> response = send("GET", "/organisations/org-123/usage?period=2026-03");

        JsonNode data = json(response, 200).path("data");
        assertThat(response.body())
                .startsWith("{\"status\":true,\"message\":\"Organisation usage fetched successfully\",\"data\":"
                        + "{\"organisation_id\":\"org-123\",\"period\":\"2026-03\",\"received\":{\"volume\":2,\"bytes\":9},"
                        + "\"sent\":{\"volume\":1,\"bytes\":8},\"created_at\":\"");
        assertThat(data.has("age_seconds")).isFalse();
    }

    @Test
    void fromAndToInAZoneWithFreshness() throws IOException, InterruptedException {
        JsonNode data = json(
                        send(
                                "GET",
                                "/organisations/org-123/usage?from=2026-04-01&to=2026-04-02T00:00:00+05:30"
                                        + "&zone=Asia/Kolkata&freshness=true"),
                        200)
                .path("data");

        assertThat(data.path("period").asText()).isEqualTo("2026-03-31T18:30:00Z/2026-04-01T18:30:00Z");
        assertThat(data.path("received").path("volume").asLong()).isEqualTo(2);
        assertThat(data.path("status").asText()).isEqualTo("fresh");
        assertThat(data.has("as_of")).isTrue();
        assertThat(data.has("age_seconds")).isTrue();
    }

    @Test
    void anOrganisationMayBeCalledAnything() throws IOException, InterruptedException {
        String encoded =
                URLEncoder.encode("a/b: {c}% 🚀", StandardCharsets.UTF_8).replace("+", "%20");

        JsonNode data = json(send("GET", "/organisations/" + encoded + "/usage?period=2026-03-17"), 200)
                .path("data");

        assertThat(data.path("organisation_id").asText()).isEqualTo("a/b: {c}% 🚀");
        assertThat(data.path("received").path("bytes").asLong()).isEqualTo(4);
        assertThat(data.path("sent").path("bytes").asLong()).isEqualTo(4);
    }

    @Test
    void anUnknownOrganisationHasUsedNothing() throws IOException, InterruptedException {
        JsonNode data = json(send("GET", "/organisations/nobody/usage?period=2026-03"), 200)
                .path("data");

        assertThat(data.path("received").path("volume").isIntegralNumber()).isTrue();
        assertThat(data.path("received").path("volume").asLong()).isZero();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "/organisations/o/usage|period, or from and to, must be given",
                "/organisations/o/usage?period=2026-13|2026-13",
                "/organisations/o/usage?period=2026-03&from=2026-03-01|but not both",
                "/organisations/o/usage?from=2026-03-01|to is missing",
                "/organisations/o/usage?from=2026-03-02&to=2026-03-01|start must be before end",
                "/organisations/o/usage?from=2025-01-01&to=2026-03-01|366 days",
                "/organisations/o/usage?period=2026-03&zone=Mars|zone must be",
                "/organisations/o/usage?period=2026-03&freshness=1|freshness must be",
                "/organisations//usage?period=2026-03|must not be blank",
                "/organisations/%20/usage?period=2026-03|must not be blank",
                "/organisations/%00/usage?period=2026-03|U+0000",
                "/organisations/%FF/usage?period=2026-03|percent-encoded UTF-8",
            })
    void aBadRequestIs400(String target, String message) throws IOException, InterruptedException {
        assertError(send("GET", target), 400, message);
    }

    @Test
    void anOrganisationOfTenKilobytesIs400() throws IOException, InterruptedException {
        assertError(
                send("GET", "/organisations/" + "x".repeat(10_000) + "/usage?period=2026-03"),
                400,
                "at most 255 characters");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"/", "/organisations", "/organisations/o", "/organisations/o/usage/", "/a/organisations/o/usage"
            })
    void anotherPathIs404(String target) throws IOException, InterruptedException {
        assertError(send("GET", target), 404, "/organisations/{id}/usage");
        assertError(send("POST", target), 404, "/organisations/{id}/usage");
    }

    @ParameterizedTest
    @ValueSource(strings = {"POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
    void anotherMethodIs405(String method) throws IOException, InterruptedException {
        HttpResponse<String> response = send(method, "/organisations/o/usage?period=2026-03");

        assertError(response, 405, "was " + method);
        assertThat(response.headers().firstValue("Allow")).hasValue("GET, HEAD");
    }

    @Test
    void headIsGetWithoutABody() throws IOException, InterruptedException {
        String target = "/organisations/org-123/usage?period=2026-03";
        int length = send("GET", target).body().getBytes(StandardCharsets.UTF_8).length;

        HttpResponse<String> response = send("HEAD", target);

        assertThat(response.statusCode()).isEqualTo(200);
        assertThat(response.body()).isEmpty();
        assertThat(response.headers().firstValue("Content-Length")).hasValue(Integer.toString(length));
        assertThat(response.headers().firstValue("Content-Type")).hasValue("application/json; charset=utf-8");
        assertThat(send("HEAD", "/organisations/org-123/usage").statusCode()).isEqualTo(400);
    }

    @Test
    void aFailureIs503() throws IOException, InterruptedException {
        InMemoryUsageCalculator calculator = InMemoryUsageCalculator.create();
        calculator.goDown();
        try (UsageService failing = UsageService.builder(calculator).build();
                UsageHttpServer own = UsageHttpServer.bind(0)) {
            own.serve(failing);

            assertError(
                    sendTo(own, "GET", "/organisations/o/usage?period=2026-03"),
                    503,
                    "the in-memory calculator was taken down");
        }
    }

    @Test
    void anythingUnforeseenIs500() throws IOException, InterruptedException {
        UsageService closed =
                UsageService.builder(InMemoryUsageCalculator.create()).build();
        closed.close();
        try (UsageHttpServer own = UsageHttpServer.bind(0)) {
            own.serve(closed);

            assertError(sendTo(own, "GET", "/organisations/o/usage?period=2026-03"), 500, "closed");
        }
    }

    @Test
    void aPortThatIsTakenIsNamed() {
        assertThatExceptionOfType(UncheckedIOException.class)
                .isThrownBy(() -> UsageHttpServer.bind(server.url().getPort()))
                .withMessageContaining("port " + server.url().getPort() + " is taken");
    }
}
