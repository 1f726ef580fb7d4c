package io.usagekit.spring.web;

import static org.assertj.core.api.Assertions.assertThat;
import static org.springframework.test.web.servlet.request.MockMvcRequestBuilders.get;

import io.usagekit.UsageCache;
import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageOverloadedException;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageService;
import io.usagekit.format.UsageResponseFormatter;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.spring.StubDataSource;
import io.usagekit.spring.UsageAutoConfiguration;
import io.usagekit.spring.UsageConfigurationException;
import io.usagekit.testkit.InMemoryUsageCache;
import io.usagekit.testkit.InMemoryUsageCalculator;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Supplier;
import java.util.stream.Stream;
import javax.sql.DataSource;
import org.assertj.core.api.InstanceOfAssertFactories;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.boot.test.context.runner.WebApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.HttpStatus;
import org.springframework.mock.web.MockHttpServletResponse;
import org.springframework.test.web.servlet.MockMvc;
import org.springframework.test.web.servlet.request.MockHttpServletRequestBuilder;
import org.springframework.test.web.servlet.setup.MockMvcBuilders;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.context.WebApplicationContext;
import org.springframework.web.servlet.config.annotation.EnableWebMvc;

/** The controller, its rule of access, and the problems of exceptions. */
class UsageWebTest {

    private static final String PATH = "/organisations/org-1/usage";
    private static final UsageAccess ANYBODY = (caller, organisation) -> true;

    private final InMemoryUsageCalculator calculator =
            InMemoryUsageCalculator.create().received("org-1", Instant.parse("2026-03-10T12:00:00Z"), 10);

    @Test
    void aFigureHasItsBodyAndIsRevalidatedByItsTag() {
        enabled(ANYBODY).run(context -> {
            MockHttpServletResponse first = perform(context, get(PATH).param("period", "2026-03"));
            String tag = Objects.requireNonNull(first.getHeader("ETag"));
            MockHttpServletResponse second =
                    perform(context, get(PATH).param("period", "2026-03").header("If-None-Match", tag));

            assertThat(first.getStatus()).isEqualTo(200);
            assertThat(first.getContentType()).startsWith("application/json");
            assertThat(first.getHeader("Cache-Control")).startsWith("private, max-age=");
            assertThat(first.getContentAsString())
                    .contains("\"organisation_id\":\"org-1\"", "\"received\":{\"volume\":1,\"bytes\":10}");
            assertThat(second.getStatus()).isEqualTo(304);
            assertThat(second.getContentAsString()).isEmpty();
            assertThat(calculator.computations()).isEqualTo(1);
        });
    }

    @Test
    void thePathAndTheZoneCanBeChosen() {
        enabled(ANYBODY).withPropertyValues("usagekit.web.path=/api/orgs").run(context -> {
            MockHttpServletResponse response = perform(
                    context,
                    get("/api/orgs/org-1/usage").param("period", "2026-03").param("zone", "Asia/Kolkata"));
            assertThat(response.getStatus()).isEqualTo(200);
            assertThat(perform(context, get(PATH).param("period", "2026-03")).getStatus())
                    .isEqualTo(404);
        });
    }

    @Test
    void aPendingFigureIs200UnlessTheHostWants202() {
        calculator.stall();
        for (int status : new int[] {200, 202}) {
            enabled(ANYBODY)
                    .withPropertyValues("usagekit.miss-policy=pending", "usagekit.drain-timeout=0s")
                    .withPropertyValues(
                            status == 200 ? new String[0] : new String[] {"usagekit.web.pending-status=202"})
                    .run(context -> {
                        MockHttpServletResponse response =
                                perform(context, get(PATH).param("period", "2026-03"));
                        assertThat(response.getStatus()).isEqualTo(status);
                        assertThat(response.getContentAsString()).contains("\"pending\":true");
                        assertThat(response.getHeader("Cache-Control")).isEqualTo("no-store");
                        assertThat(response.getHeader("Retry-After")).isEqualTo("1");
                        assertThat(response.getHeader("ETag")).isNull();
                    });
        }
        calculator.comeBack();
    }

    @Test
    void wrongArgumentsAreProblemsThatNameThem() {
        enabled(ANYBODY).run(context -> {
            for (MockHttpServletRequestBuilder request : new MockHttpServletRequestBuilder[] {
                get(PATH).param("period", "March"),
                get(PATH).param("period", "2026-03").param("zone", "Mars"),
                get("/organisations/{id}/usage", "x".repeat(1_000)).param("period", "2026-03")
            }) {
                MockHttpServletResponse response = perform(context, request);
                assertThat(response.getStatus()).isEqualTo(400);
                assertThat(response.getContentType()).startsWith("application/problem+json");
                assertThat(response.getContentAsString())
                        .contains("\"error\":\"invalid_request\"")
                        .containsAnyOf("but was", "but has 1000");
            }
        });
    }

    @Test
    void failuresAreProblemsWithoutTheirTables() {
        expectProblem(
                () -> {
                    throw new UsageCalculationException("app.events is down", null);
                },
                503,
                "calculation_failed");
        expectProblem(
                () -> {
                    throw UsageCalculationException.permanent("app.events is missing", null);
                },
                500,
                "calculation_failed");
    }

    private void expectProblem(Supplier<RuntimeException> failing, int status, String code) {
        UsageCalculator broken = (key, timeout) -> {
            throw failing.get();
        };
        context(ANYBODY)
                .withBean(UsageCalculator.class, () -> broken)
                .withPropertyValues("usagekit.web.enabled=true")
                .run(context -> {
                    MockHttpServletResponse response =
                            perform(context, get(PATH).param("period", "2026-03"));
                    assertThat(response.getStatus()).isEqualTo(status);
                    assertThat(response.getContentType()).startsWith("application/problem+json");
                    assertThat(response.getHeader("Retry-After")).isEqualTo(status == 503 ? "1" : null);
                    assertThat(response.getHeader("Cache-Control")).isEqualTo("no-store");
                    assertThat(response.getContentAsString())
                            .contains("\"error\":\"" + code + "\"")
                            .doesNotContain("app.events");
                });
    }

    @Test
    void exceptionsOfTheHostsControllersAreProblemsToo() {
        context(null)
                .withBean(UsageCalculator.class, () -> calculator)
                .withUserConfiguration(HostController.class)
                .run(context -> {
                    assertThat(context).doesNotHaveBean(UsageController.class).hasSingleBean(UsageResponses.class);
                    MockHttpServletResponse response = perform(context, get("/host"));
                    assertThat(response.getStatus()).isEqualTo(503);
                    assertThat(response.getContentAsString()).contains("\"error\":\"overloaded\"");
                });
    }

    @Test
    void aCallerWhoMayNotReadGetsNothing() {
        enabled((caller, organisation) -> caller != null && caller.getName().equals("owner of " + organisation))
                .run(context -> {
                    for (String path : new String[] {PATH, PATH + "/series"}) {
                        MockHttpServletResponse anonymous =
                                perform(context, get(path).param("period", "2026-03"));
                        MockHttpServletResponse other = perform(
                                context, get(path).param("period", "2026-03").principal(() -> "owner of org-2"));
                        assertThat(anonymous.getStatus()).isEqualTo(403);
                        assertThat(other.getStatus()).isEqualTo(403);
                        assertThat(other.getContentAsString()).contains("\"error\":\"forbidden\"");
                    }
                    assertThat(calculator.computations()).isZero();
                    MockHttpServletResponse owner = perform(
                            context, get(PATH).param("period", "2026-03").principal(() -> "owner of org-1"));
                    assertThat(owner.getStatus()).isEqualTo(200);
                });
    }

    @Test
    void theRuleOfTheDocumentationAdmitsMembers() {
        context(null)
                .withUserConfiguration(SecuredHost.class)
                .withBean(UsageCalculator.class, () -> calculator)
                .withPropertyValues("usagekit.web.enabled=true")
                .run(context -> {
                    MockHttpServletRequestBuilder request = get(PATH).param("period", "2026-03");
                    assertThat(perform(context, request).getStatus()).isEqualTo(403);
                    assertThat(perform(context, request.principal(() -> "ada")).getStatus())
                            .isEqualTo(200);
                    assertThat(perform(
                                            context,
                                            get("/organisations/org-2/usage")
                                                    .param("period", "2026-03")
                                                    .principal(() -> "ada"))
                                    .getStatus())
                            .isEqualTo(403);
                });
    }

    @Test
    void theHostsControllerOfTheDocumentationAnswers() {
        context(null)
                .withUserConfiguration(OwnController.class)
                .withBean(UsageCalculator.class, () -> calculator)
                .run(context -> {
                    MockHttpServletResponse response =
                            perform(context, get("/my-usage/2026-03").principal(() -> "org-1"));
                    assertThat(response.getStatus()).isEqualTo(200);
                    assertThat(response.getContentAsString()).contains("\"bytes\":10");
                    assertThat(response.getHeader("ETag")).startsWith("W/");
                });
    }

    @Test
    void theControllerDoesNotStartWithoutARuleOfAccess() {
        context(null)
                .withBean(UsageCalculator.class, () -> calculator)
                .withPropertyValues("usagekit.web.enabled=true")
                .run(context -> expectFailure(
                        context.getStartupFailure(),
                        "usagekit.web.enabled is true, but there is no bean of type UsageAccess"));
    }

    @Test
    void aSeriesNeedsRollups() {
        enabled(ANYBODY)
                .run(context -> assertThat(
                                perform(context, get(PATH + "/series").param("period", "2026-03"))
                                        .getStatus())
                        .isEqualTo(404));
        PostgresRollups down = PostgresRollups.of(StubDataSource.down(), TableMapping.usagekit());
        enabled(ANYBODY).withBean(PostgresRollups.class, () -> down).run(context -> {
            assertThat(perform(context, get(PATH + "/series").param("period", "2026-03"))
                            .getStatus())
                    .isEqualTo(503);
            MockHttpServletResponse response = perform(
                    context, get(PATH + "/series").param("period", "2026-03").param("granularity", "minute"));
            assertThat(response.getStatus()).isEqualTo(400);
            assertThat(response.getContentAsString()).contains("granularity must be hour, day or month");
        });
    }

    @Test
    void aSeriesHasTheTimeoutOfItsProperty() {
        List<Integer> timeouts = new CopyOnWriteArrayList<>();
        PostgresRollups rollups = PostgresRollups.of(keepingTimeouts(timeouts), TableMapping.usagekit());
        enabled(ANYBODY)
                .withBean(PostgresRollups.class, () -> rollups)
                .withPropertyValues("usagekit.web.series-timeout=7m")
                .run(context -> {
                    perform(context, get(PATH + "/series").param("period", "2026-03"));
                    assertThat(timeouts)
                            .first(InstanceOfAssertFactories.INTEGER)
                            .as("milliseconds")
                            .isBetween(6 * 60_000, 8 * 60_000);
                });
    }

    /** A data source whose connections keep the network timeout that they are given, and fail then. */
    private static DataSource keepingTimeouts(List<Integer> timeouts) {
        Connection connection = (Connection) Proxy.newProxyInstance(
                UsageWebTest.class.getClassLoader(),
                new Class<?>[] {Connection.class},
                (proxy, method, arguments) -> switch (method.getName()) {
                    case "setNetworkTimeout" -> {
                        timeouts.add((Integer) arguments[1]);
                        throw new SQLException("the stub knows no timeouts", StubDataSource.CONNECTION_FAILURE);
                    }
                    case "getAutoCommit" -> true;
                    case "isReadOnly", "isWrapperFor" -> false;
                    case "isClosed" -> true;
                    case "getNetworkTimeout" -> 0;
                    default -> null;
                });
        return new StubDataSource(StubDataSource.CONNECTION_FAILURE) {
            @Override
            public Connection getConnection() {
                return connection;
            }
        };
    }

    @Test
    void theHostsFormatterPrintsTheBody() {
        UsageResponseFormatter formatter = UsageResponseFormatter.enveloped().withZone();
        enabled(ANYBODY)
                .withBean(UsageResponseFormatter.class, () -> formatter)
                .run(context -> assertThat(perform(context, get(PATH).param("period", "2026-03"))
                                .getContentAsString())
                        .isEqualTo(formatter.toJson(
                                context.getBean(UsageService.class).get("org-1", UsagePeriod.parse("2026-03")))));
    }

    @Test
    void responsesAndProblemsOfTheHostsTakePrecedence() {
        UsageResponses responses = new UsageResponses(UsageResponseFormatter.plain(), HttpStatus.OK);
        UsageProblems problems = new UsageProblems();
        enabled(ANYBODY)
                .withBean(UsageResponses.class, () -> responses)
                .withBean(UsageProblems.class, () -> problems)
                .run(context -> {
                    assertThat(context.getBean(UsageResponses.class)).isSameAs(responses);
                    assertThat(context.getBean(UsageProblems.class)).isSameAs(problems);
                });
    }

    @Test
    void anApplicationWithoutAServiceHasNone() {
        context(null)
                .run(context -> assertThat(context)
                        .hasNotFailed()
                        .doesNotHaveBean(UsageResponses.class)
                        .doesNotHaveBean(UsageProblems.class));
    }

    @Test
    void wrongPropertiesFailTheStartByName() {
        enabled(ANYBODY)
                .withPropertyValues("usagekit.web.pending-status=204")
                .run(context -> expectFailure(
                        context.getStartupFailure(), "usagekit.web.pending-status must be 200 or 202, but was 204"));
        enabled(ANYBODY)
                .withPropertyValues("usagekit.web.series-timeout=0s")
                .run(context -> expectFailure(
                        context.getStartupFailure(),
                        "usagekit.web.series-timeout must be between PT0.001S and PT10M, but was PT0S"));
    }

    @Test
    void anApplicationWithoutWebHasNone() {
        new ApplicationContextRunner()
                .withConfiguration(AutoConfigurations.of(UsageAutoConfiguration.class, UsageWebAutoConfiguration.class))
                .withBean(UsageCalculator.class, () -> calculator)
                .run(context -> assertThat(context).hasNotFailed().doesNotHaveBean(UsageResponses.class));
    }

    private WebApplicationContextRunner enabled(UsageAccess access) {
        return context(access)
                .withBean(UsageCalculator.class, () -> calculator)
                .withBean(UsageCache.class, InMemoryUsageCache::create)
                .withPropertyValues("usagekit.web.enabled=true");
    }

    private static WebApplicationContextRunner context(@Nullable UsageAccess access) {
        WebApplicationContextRunner runner = new WebApplicationContextRunner()
                .withUserConfiguration(Mvc.class)
                .withConfiguration(
                        AutoConfigurations.of(UsageAutoConfiguration.class, UsageWebAutoConfiguration.class));
        return access == null ? runner : runner.withBean(UsageAccess.class, () -> access);
    }

    private static MockHttpServletResponse perform(WebApplicationContext context, MockHttpServletRequestBuilder request)
            throws Exception {
        MockMvc mvc = MockMvcBuilders.webAppContextSetup(context).build();
        return mvc.perform(request).andReturn().getResponse();
    }

    private static void expectFailure(@Nullable Throwable failure, String message) {
        assertThat(Stream.iterate(failure, Objects::nonNull, Throwable::getCause))
                .anySatisfy(cause -> assertThat(cause)
                        .isInstanceOf(UsageConfigurationException.class)
                        .hasMessageStartingWith(message));
    }

    @Configuration(proxyBeanMethods = false)
    @EnableWebMvc
    static class Mvc {}

    @Configuration(proxyBeanMethods = false)
    static class HostController {
        @Bean
        Overloaded overloaded() {
            return new Overloaded();
        }
    }

    @RestController
    static class Overloaded {
        @GetMapping("/host")
        String get() {
            throw new UsageOverloadedException("1000 computations wait", null);
        }
    }
}
