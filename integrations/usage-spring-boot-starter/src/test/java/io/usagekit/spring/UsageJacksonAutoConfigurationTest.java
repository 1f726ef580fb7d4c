package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageCalculator;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.format.UsageResponseFormatter;
import io.usagekit.testkit.InMemoryUsageCalculator;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.springframework.boot.SpringBootVersion;
import org.springframework.boot.autoconfigure.AutoConfigurations;
import org.springframework.boot.test.context.FilteredClassLoader;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

/** The mapper that Spring Boot makes, of Jackson 2 or 3, prints figures as the formatter does. */
class UsageJacksonAutoConfigurationTest {

    private static final boolean IS_3 = SpringBootVersion.getVersion().startsWith("3.");
    private static final String MAPPER =
            IS_3 ? "com.fasterxml.jackson.databind.ObjectMapper" : "tools.jackson.databind.ObjectMapper";

    private final InMemoryUsageCalculator calculator =
            InMemoryUsageCalculator.create().received("org-1", Instant.parse("2026-03-10T12:00:00Z"), 10);

    @Test
    void theMapperPrintsTheResponse() throws ClassNotFoundException {
        context()
                .withPropertyValues("spring.jackson.find-and-add-modules=false")
                .run(context -> {
                    UsageResult result = result(context.getBean(UsageService.class));
                    assertThat(print(context.getBean(mapper()), result))
                            .isEqualTo(UsageResponseFormatter.plain().toJson(result))
                            .contains("\"organisation_id\":\"org-1\"");
                });
    }

    /** Also where Spring Boot 4 finds the module by itself. */
    @Test
    void theHostsFormatterDecides() throws ClassNotFoundException {
        UsageResponseFormatter formatter = UsageResponseFormatter.enveloped().withZone();
        context().withBean(UsageResponseFormatter.class, () -> formatter).run(context -> {
            UsageResult result = result(context.getBean(UsageService.class));
            assertThat(print(context.getBean(mapper()), result)).isEqualTo(formatter.toJson(result));
        });
    }

    @Test
    void aModuleOfTheHostsTakesPrecedence() throws ReflectiveOperationException {
        UsageResponseFormatter formatter = UsageResponseFormatter.enveloped();
        Class<?> type = Class.forName("io.usagekit.jackson.Jackson" + (IS_3 ? 2 : 3) + "UsageModule");
        Object module = type.getConstructor(UsageResponseFormatter.class).newInstance(formatter);
        with(module, type, context())
                .withPropertyValues("spring.jackson.find-and-add-modules=false")
                .run(context -> {
                    UsageResult result = result(context.getBean(UsageService.class));
                    assertThat(print(context.getBean(mapper()), result)).isEqualTo(formatter.toJson(result));
                    assertThat(context).getBean(type).isSameAs(module);
                });
    }

    private static <T> ApplicationContextRunner with(Object bean, Class<T> type, ApplicationContextRunner runner) {
        return runner.withBean("module", type, () -> type.cast(bean));
    }

    @Test
    void thereIsNoneWhereTheLibraryIsOff() throws ClassNotFoundException {
        context()
                .withPropertyValues("usagekit.enabled=false")
                .run(context -> assertThat(context)
                        .hasNotFailed()
                        .doesNotHaveBean("usageJackson2Module")
                        .doesNotHaveBean("usageJackson3Module"));
    }

    @Test
    void aHostWithoutJacksonStarts() throws ClassNotFoundException {
        for (String[] missing : List.of(
                new String[] {"com.fasterxml.jackson.databind", "tools.jackson"},
                new String[] {"io.usagekit.jackson"})) {
            Contexts.empty()
                    .withConfiguration(AutoConfigurations.of(UsageJacksonAutoConfiguration.class))
                    .withBean(UsageCalculator.class, () -> calculator)
                    .withClassLoader(new FilteredClassLoader(missing))
                    .run(context -> assertThat(context)
                            .hasNotFailed()
                            .hasSingleBean(UsageService.class)
                            .doesNotHaveBean("usageJackson2Module")
                            .doesNotHaveBean("usageJackson3Module"));
        }
    }

    private ApplicationContextRunner context() throws ClassNotFoundException {
        return Contexts.empty()
                .withConfiguration(AutoConfigurations.of(
                        UsageJacksonAutoConfiguration.class,
                        Class.forName(
                                IS_3
                                        ? "org.springframework.boot.autoconfigure.jackson.JacksonAutoConfiguration"
                                        : "org.springframework.boot.jackson.autoconfigure.JacksonAutoConfiguration")))
                .withBean(UsageCalculator.class, () -> calculator);
    }

    private static UsageResult result(UsageService service) {
        return service.get("org-1", UsagePeriod.parse("2026-03"));
    }

    private static Class<?> mapper() throws ClassNotFoundException {
        return Class.forName(MAPPER);
    }

    private static String print(Object mapper, Object value) throws ReflectiveOperationException {
        return (String) mapper().getMethod("writeValueAsString", Object.class).invoke(mapper, value);
    }
}
