package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageService;
import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;

/** {@code usagekit.install} with a database that is down, or refuses the password; StarterIT has one with tables. */
class UsageInstallationTest {

    private final StubDataSource down = StubDataSource.down();
    private final StubDataSource refusing = new StubDataSource(StubDataSource.INVALID_PASSWORD);

    @Test
    void neverConnectsToNothing() {
        context(refusing, "never").run(context -> {
            assertThat(context).hasSingleBean(UsageService.class);
            assertThat(refusing.connections()).isZero();
        });
    }

    @Test
    void validationToleratesAnOutage() {
        context(down, "validate").run(context -> {
            assertThat(context).hasSingleBean(UsageService.class);
            assertThat(down.connections()).isPositive();
        });
    }

    @Test
    void validationIsTheDefault() {
        Contexts.empty()
                .withBean(DataSource.class, () -> refusing)
                .run(context -> assertThat(Failures.of(context))
                        .hasMessageContaining("usagekit.install is validate, and the tables in the schema usagekit"));
    }

    @Test
    void validationFailsWhereNoRetryCures() {
        context(refusing, "validate").run(context -> {
            assertThat(Failures.of(context)).hasMessageContaining("the stub refuses connections");
            assertThat(Failures.of(context).action()).contains("usagekit.install=always");
        });
    }

    @Test
    void installingFailsInAnOutage() {
        context(down, "always").run(context -> {
            assertThat(Failures.of(context)).hasMessageContaining("usagekit.install is always");
            assertThat(Failures.of(context).action()).contains("privileges");
        });
    }

    private static ApplicationContextRunner context(DataSource dataSource, String install) {
        return Contexts.empty()
                .withBean(DataSource.class, () -> dataSource)
                .withPropertyValues("usagekit.install=" + install);
    }
}
