package io.usagekit.spring.web;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageCalculator;
import io.usagekit.UsageService;
import io.usagekit.spring.UsageAutoConfiguration;
import io.usagekit.spring.UsageConfigurationException;
import io.usagekit.testkit.InMemoryUsageCalculator;
import java.time.Instant;
import org.junit.jupiter.api.Test;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ReactiveWebApplicationContextRunner;
import org.springframework.context.ApplicationContext;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.MediaType;
import org.springframework.test.web.reactive.server.EntityExchangeResult;
import org.springframework.test.web.reactive.server.WebTestClient;
import org.springframework.web.reactive.config.EnableWebFlux;
import reactor.core.publisher.Mono;

/** A reactive application has no controller of the library's, but what a controller of its own needs. */
class UsageReactiveTest {

    private final InMemoryUsageCalculator calculator =
            InMemoryUsageCalculator.create().received("org-1", Instant.parse("2026-03-10T12:00:00Z"), 10);

    @Test
    void startsWithoutTheController() {
        context()
                .withClassLoader(new FilteredClassLoader("org.springframework.web.servlet", "jakarta.servlet"))
                .run(context -> assertThat(context)
                        .hasNotFailed()
                        .hasSingleBean(UsageService.class)
                        .hasSingleBean(UsageResponses.class)
                        .doesNotHaveBean(UsageController.class));
    }

    @Test
    void refusesToStartWhereTheControllerIsAskedFor() {
        context()
                .withPropertyValues("usagekit.web.enabled=true")
                .withBean(UsageAccess.class, () -> (caller, organisation) -> true)
                .run(context -> assertThat(context)
                        .getFailure()
                        .rootCause()
                        .isInstanceOf(UsageConfigurationException.class)
                        .hasMessageContaining("usagekit.web.enabled is true, but this application is reactive"));
    }

    @Test
    void aControllerOfTheHostsReturnsFiguresAndProblems() {
        context().withBean(ReactiveController.class).run(context -> {
            WebTestClient client = client(context);

            EntityExchangeResult<String> figure = get(client, "/my-usage/2026-03");
            assertThat(figure.getStatus().value()).isEqualTo(200);
            assertThat(figure.getResponseHeaders().getETag()).isNotEmpty();
            assertThat(figure.getResponseBody()).contains("\"received\":{\"volume\":1,\"bytes\":10}");

            calculator.goDown();
            EntityExchangeResult<String> problem = get(client, "/my-usage/2026-04");
            assertThat(problem.getStatus().value()).isEqualTo(503);
            assertThat(problem.getResponseHeaders().getFirst("Retry-After")).isEqualTo("1");
            assertThat(problem.getResponseHeaders().getContentType()).isEqualTo(MediaType.APPLICATION_PROBLEM_JSON);
            assertThat(problem.getResponseBody()).contains("calculation_failed");
        });
    }

    private static EntityExchangeResult<String> get(WebTestClient client, String path) {
        return client.get().uri(path).exchange().expectBody(String.class).returnResult();
    }

    private ReactiveWebApplicationContextRunner context() {
        return new ReactiveWebApplicationContextRunner()
                .withUserConfiguration(WebFlux.class)
                .withConfiguration(AutoConfigurations.of(UsageAutoConfiguration.class, UsageWebAutoConfiguration.class))
                .withBean(UsageCalculator.class, () -> calculator);
    }

    private static WebTestClient client(ApplicationContext context) {
        return WebTestClient.bindToApplicationContext(context)
                .webFilter((exchange, chain) -> chain.filter(
                        exchange.mutate().principal(Mono.just(() -> "org-1")).build()))
                .build();
    }

    @Configuration(proxyBeanMethods = false)
    @EnableWebFlux
    static class WebFlux {}
}
