package io.usagekit.examples.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisClient;
import io.lettuce.core.api.StatefulRedisConnection;
import io.usagekit.examples.plain.ControlPlaneServer;
import io.usagekit.servers.EmbeddedPostgresServer;
import io.usagekit.servers.EmbeddedRedisServer;
import io.usagekit.servers.ExampleEvents;
import io.usagekit.spring.web.UsageAccess;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.LocalDate;
import java.time.YearMonth;
import java.time.ZoneOffset;
import java.util.Base64;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.springframework.boot.autoconfigure.EnableAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Both example services, on one PostgreSQL and one Redis: each response is as {@code docs/openapi.yaml} describes it. */
class ControlPlanesIT {

    private static final String USAGE = "/organisations/{organisationId}/usage";
    private static final String SERIES = USAGE + "/series";
    private static final String ADA = "ada:secret";
    private static final int ATTEMPTS = 5;
    private static final Duration LONG = Duration.ofMinutes(2);
    private static final HttpClient HTTP = HttpClient.newHttpClient();
    private static final JsonMapper JSON = new JsonMapper();
    private static final ApiDescription API = new ApiDescription(openApi());

    private static final EmbeddedPostgresServer POSTGRES = EmbeddedPostgresServer.start();
    private static final EmbeddedRedisServer REDIS = EmbeddedRedisServer.start();

    /** How many days of long ago have been requested; nothing is cached of those that follow. */
    private static final AtomicInteger DAYS = new AtomicInteger();

    /** The last month that is over. */
    private static String month = "";

    private static List<Service> services = List.of();
    private static List<AutoCloseable> open = List.of();

    record Service(String name, URI url, String health) {
        HttpResponse<String> get(String credentials, String target, String... headers) {
            return getAsync(credentials, target, headers).join();
        }

        CompletableFuture<HttpResponse<String>> getAsync(String credentials, String target, String... headers) {
            HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url + target));
            if (!credentials.isEmpty()) {
                request.header(
                        "Authorization",
                        "Basic " + Base64.getEncoder().encodeToString(credentials.getBytes(StandardCharsets.UTF_8)));
            }
            if (headers.length > 0) {
                request.headers(headers);
            }
            return HTTP.sendAsync(request.build(), BodyHandlers.ofString());
        }

        @Override
        public String toString() {
            return name;
        }
    }

    @BeforeAll
    static void start() throws IOException {
        ControlPlaneServer plain = server();
        ConfigurableApplicationContext spring = spring(ControlPlane.class);
        open = List.of(plain, spring);
        services = List.of(
                new Service("plain", plain.url(), "/health"),
                new Service("spring-boot", url(spring), "/actuator/health"));
        ExampleEvents.addTo(POSTGRES.dataSource());
        month = YearMonth.now(ZoneOffset.UTC).minusMonths(1).toString();
    }

    @AfterAll
    static void stop() {
        open.parallelStream().forEach(ControlPlanesIT::close); // for seconds
        REDIS.close();
        POSTGRES.close();
    }

    private static void close(AutoCloseable service) {
        try {
            service.close();
        } catch (Exception e) {
            throw new IllegalStateException(e);
        }
    }

    private static ControlPlaneServer server() throws IOException {
        return new ControlPlaneServer(POSTGRES.jdbcUrl(), REDIS.url(), 0);
    }

    private static ConfigurableApplicationContext spring(Class<?> application, String... properties) {
        return new SpringApplicationBuilder(application)
                .run(Stream.concat(
                                Stream.of(properties),
                                Stream.of(
                                        "--spring.datasource.url=" + POSTGRES.jdbcUrl(),
                                        "--spring.data.redis.url=" + REDIS.url(),
                                        "--server.port=0",
                                        "--logging.level.root=off"))
                        .toArray(String[]::new));
    }

    private static URI url(ConfigurableApplicationContext spring) {
        return URI.create("http://127.0.0.1:" + spring.getEnvironment().getRequiredProperty("local.server.port"));
    }

    private static String openApi() {
        try (var description =
                Objects.requireNonNull(ControlPlanesIT.class.getResourceAsStream("/openapi.yaml"), "openapi.yaml")) {
            return new String(description.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static List<Service> services() {
        return services;
    }

    private static String usage(String organisation, Object period) {
        return "/organisations/" + organisation + "/usage?period=" + period;
    }

    private static String series(Object period, String granularity) {
        return "/organisations/org-01/usage/series?period=" + period + "&granularity=" + granularity;
    }

    private static LocalDate unusedDay() {
        return LocalDate.parse("2020-01-01").plusDays(DAYS.getAndIncrement());
    }

    private static HttpResponse<String> checked(String path, HttpResponse<String> response) {
        assertThat(API.differences(path, response))
                .as("%s: %s", response, response.body())
                .isEmpty();
        return response;
    }

    /** Repeats a request, as a machine that stalls may require, until its response has a status; all are as described. */
    private static HttpResponse<String> await(int status, String path, Supplier<HttpResponse<String>> request) {
        long deadline = System.nanoTime() + LONG.toNanos();
        HttpResponse<String> response = checked(path, request.get());
        while (response.statusCode() != status) {
            assertThat(System.nanoTime())
                    .as("%s instead of %s for %s: %s", response, status, LONG, response.body())
                    .isLessThan(deadline);
            response = checked(path, request.get());
        }
        return response;
    }

    /** Tests both services at the same time, since each waits for seconds. */
    private static void ofEach(Consumer<Service> test) {
        services.parallelStream().forEach(test);
    }

    @ParameterizedTest
    @MethodSource("services")
    void figuresAreRevalidated(Service service) {
        HttpResponse<String> figure = await(200, USAGE, () -> service.get(ADA, usage("org-01", month)));
        assertThat(JSON.readTree(figure.body()).at("/received/volume").asLong()).isPositive();

        await(304, USAGE, () -> {
            String tag = service.get(ADA, usage("org-01", month))
                    .headers()
                    .firstValue("ETag")
                    .orElse("\"none yet\"");
            return service.get(ADA, usage("org-01", month), "If-None-Match", tag);
        });
    }

    @ParameterizedTest
    @MethodSource("services")
    void seriesAddUpToTheFigure(Service service) {
        JsonNode figure = JSON.readTree(await(200, USAGE, () -> service.get(ADA, usage("org-01", month)))
                .body());
        for (String granularity : List.of("hour", "day", "month")) {
            JsonNode series = JSON.readTree(await(200, SERIES, () -> service.get(ADA, series(month, granularity)))
                    .body());
            for (String number : List.of("/received/volume", "/received/bytes", "/sent/volume", "/sent/bytes")) {
                assertThat(series.path("points")
                                .valueStream()
                                .mapToLong(point -> point.at(number).asLong())
                                .sum())
                        .as("%s by %s", number, granularity)
                        .isEqualTo(figure.at(number).asLong());
            }
        }
    }

    @ParameterizedTest
    @MethodSource("services")
    void wrongRequestsAreRejected(Service service) {
        for (String query : List.of("", "?period=never", "?period=2026-13", "?period=2026-03&zone=Mars")) {
            assertThat(checked(USAGE, service.get(ADA, "/organisations/org-01/usage" + query))
                            .statusCode())
                    .as(query)
                    .isEqualTo(400);
            assertThat(checked(SERIES, service.get(ADA, "/organisations/org-01/usage/series" + query))
                            .statusCode())
                    .as(query)
                    .isEqualTo(400);
        }
        assertThat(checked(SERIES, service.get(ADA, series(month, "week"))).statusCode())
                .isEqualTo(400);
    }

    @ParameterizedTest
    @MethodSource("services")
    void onlyMembersMayRead(Service service) {
        for (String nobody : List.of("", "ada:wrong", "eve:secret", "eve:")) {
            assertThat(checked(USAGE, service.get(nobody, usage("org-01", month)))
                            .statusCode())
                    .isEqualTo(401);
            assertThat(checked(SERIES, service.get(nobody, series(month, "day")))
                            .statusCode())
                    .isEqualTo(401);
            assertThat(service.get(nobody, "/usage/org-01").statusCode()).isEqualTo(401);
        }
        assertThat(checked(USAGE, service.get(ADA, usage("org-02", month))).statusCode())
                .isEqualTo(403);
        assertThat(service.get(ADA, "/usage/org-02").statusCode()).isEqualTo(403);
    }

    @ParameterizedTest
    @MethodSource("services")
    void thePageAndTheHealthAreServed(Service service) {
        HttpResponse<String> page = service.get(ADA, "/usage/org-01?period=" + month);

        assertThat(page.statusCode()).isEqualTo(200);
        assertThat(page.body()).contains("Checkout", "Notifications");
        assertThat(service.get("", service.health()).body()).contains("\"status\":\"UP\"");
    }

    @Test
    void figuresThatTakeLongArePendingUntilTheyAreThere() throws SQLException {
        List<LocalDate> days = List.of(unusedDay(), unusedDay());
        try (Connection lock = lockProjects()) {
            ofEach(service ->
                    await(202, USAGE, () -> service.get(ADA, usage("org-01", days.get(services.indexOf(service))))));
            lock.rollback();
        }
        ofEach(service ->
                await(200, USAGE, () -> service.get(ADA, usage("org-01", days.get(services.indexOf(service))))));
    }

    /** What computations wait for. */
    private static Connection lockProjects() throws SQLException {
        Connection connection = POSTGRES.dataSource().getConnection();
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.execute("lock table usagekit.projects in access exclusive mode");
        }
        return connection;
    }

    @Test
    @Tag("thorough")
    void withoutTheDatabaseThereIsNoFigureUntilItIsBack() {
        POSTGRES.kill();
        try {
            ofEach(service -> {
                LocalDate day = unusedDay();
                await(503, USAGE, () -> service.get(ADA, usage("org-01", day)));
                await(503, SERIES, () -> service.get(ADA, series(month, "day")));
            });
        } finally {
            POSTGRES.restart();
        }
        ofEach(service -> {
            LocalDate day = unusedDay();
            await(200, USAGE, () -> service.get(ADA, usage("org-01", day)));
        });
    }

    @EnableAutoConfiguration
    static class WithoutRollups {
        @Bean
        UsageAccess usageAccess() {
            return (caller, organisation) -> true;
        }
    }

    @Test
    void aServiceWithoutRollupsHasNoSeries() {
        try (ConfigurableApplicationContext raw = spring(WithoutRollups.class, "--usagekit.calculator=raw")) {
            HttpResponse<String> response =
                    checked(SERIES, new Service("raw", url(raw), "").get(ADA, series(month, "day")));
            assertThat(response.statusCode()).isEqualTo(404);
        }
    }

    /** Redis takes a figure within 200 ms or not at all, and a request takes 2 s: on a machine that stalls, another attempt shows it. */
    @Test
    @Tag("thorough")
    void closingAnswersTheRequestInProgressAndStoresItsFigure() throws Exception {
        boolean shown = false;
        for (int attempt = 0; attempt < ATTEMPTS && !shown; attempt++) {
            shown = isAnsweredAndStoredAfterTheListenerIsClosed(unusedDay());
        }
        assertThat(shown).isTrue();
    }

    private static boolean isAnsweredAndStoredAfterTheListenerIsClosed(LocalDate day) throws Exception {
        ControlPlaneServer server = server();
        Thread closing = new Thread(server::close, "closing");
        CompletableFuture<HttpResponse<String>> response;
        boolean isInProgress;
        try (Connection lock = lockProjects()) {
            response = new Service("closing", server.url(), "").getAsync(ADA, usage("org-01", day));
            awaitKey("usage:lock:{usage:org-01:" + day + "}");
            closing.start();
            awaitRefusal(server.url());
            isInProgress = !response.isDone();
            lock.rollback();
        }
        closing.join(LONG.toMillis());
        assertThat(closing.isAlive()).isFalse();
        return isInProgress
                && checked(USAGE, response.join()).statusCode() == 200
                && keys("usage:org-01:" + day).size() == 1;
    }

    private static void awaitKey(String key) {
        long deadline = System.nanoTime() + LONG.toNanos();
        while (keys(key).isEmpty()) {
            assertThat(System.nanoTime()).as("waited %s for %s", LONG, key).isLessThan(deadline);
        }
    }

    private static void awaitRefusal(URI url) throws IOException {
        long deadline = System.nanoTime() + LONG.toNanos();
        while (System.nanoTime() < deadline) {
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), url.getPort())) {
                assertThat(socket.isConnected()).isTrue();
            } catch (SocketException e) { // refused, or reset since the listener was closed meanwhile
                return;
            }
        }
        throw new AssertionError(url + " accepts connections after " + LONG);
    }

    private static List<String> keys(String pattern) {
        try (RedisClient client = RedisClient.create(REDIS.url());
                StatefulRedisConnection<String, String> connection = client.connect()) {
            return connection.sync().keys(pattern);
        }
    }

    /** The negative controls of all tests above. */
    @Test
    void theDescriptionRejectsWhatDiffers() {
        Service service = services.get(0);
        HttpResponse<String> figure = await(200, USAGE, () -> service.get(ADA, usage("org-01", month)));
        HttpResponse<String> series = await(200, SERIES, () -> service.get(ADA, series(month, "day")));
        HttpResponse<String> wrong = checked(USAGE, service.get(ADA, usage("org-01", "never")));

        assertThat(differences("created_at", "createdAt", USAGE, figure)).isNotEmpty();
        assertThat(differences(" bytes:", " octets:", USAGE, figure)).isNotEmpty();
        assertThat(differences("Cache-Control:", "Cache-Rule:", USAGE, figure)).isNotEmpty();
        assertThat(differences("points", "values", SERIES, series)).isNotEmpty();
        assertThat(differences("message", "text", USAGE, wrong)).isNotEmpty();
        assertThat(differences("pattern: no-store", "pattern: immutable", USAGE, wrong))
                .isNotEmpty();
        assertThat(differences("\"400\":", "\"422\":", USAGE, wrong)).isNotEmpty();
        assertThat(differences("application/json:", "text/plain:", USAGE, wrong))
                .isNotEmpty();
    }

    /** The differences from a description that has another text in one place. */
    private static List<String> differences(String text, String other, String path, HttpResponse<String> response) {
        assertThat(openApi()).contains(text);
        return new ApiDescription(openApi().replace(text, other)).differences(path, response);
    }
}
