package io.usagekit.hosts.spring;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageResult;
import io.usagekit.UsageService;
import io.usagekit.servers.PostgresServer;
import io.usagekit.servers.RedisServer;
import java.util.UUID;
import org.junit.jupiter.api.Test;
import org.springframework.boot.SpringApplication;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.jdbc.core.JdbcTemplate;

/** The application context starts on the versions that Spring Boot manages, and its usage service computes and caches a figure. */
class SpringHostIT {

    @Test
    void theUsageServiceServesAFigure() {
        try (PostgresServer postgres = PostgresServer.start();
                RedisServer redis = RedisServer.start();
                ConfigurableApplicationContext context = SpringApplication.run(
                        SpringHost.class,
                        "--spring.datasource.url=" + postgres.jdbcUrl(),
                        "--spring.data.redis.url=" + redis.url(),
                        "--spring.main.banner-mode=off")) {
            JdbcTemplate jdbc = context.getBean(JdbcTemplate.class);
            String organisation = "org-" + UUID.randomUUID();
            jdbc.update("insert into usagekit.projects (id, organisation_id) values (?, ?)", organisation, organisation);
            jdbc.update(
                    "insert into usagekit.events (id, project_id, raw, created_at) values (?, ?, 'ten octets', '2026-03-10Z')",
                    organisation,
                    organisation);
            UsageService usage = context.getBean(UsageService.class);

            UsageResult computed = usage.get(organisation, UsagePeriod.parse("2026-03"));
            UsageResult cached = usage.get(organisation, UsagePeriod.parse("2026-03"));

            assertThat(computed.usage().orElseThrow().received()).isEqualTo(new UsageMetrics(1, 10));
            assertThat(cached.usage()).as("the same computation").isEqualTo(computed.usage());
        }
    }
}
