package io.usagekit.examples.spring;

import io.usagekit.UsageService;
import io.usagekit.page.TableProjects;
import io.usagekit.page.UsageDetails;
import io.usagekit.page.UsagePage;
import io.usagekit.page.UsageRows;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rows.PostgresRows;
import io.usagekit.spring.web.UsageAccess;
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import javax.sql.DataSource;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;

/** A control plane: the starter serves figures and series, {@code application.properties} says how. */
@SpringBootApplication(proxyBeanMethods = false)
public class ControlPlane {

    /** Which organisations a user is a member of. A real control plane asks its identity provider. */
    private static final Map<String, Set<String>> MEMBERSHIPS = Map.of("ada", Set.of("org-01"));

    /** Starts it, on the servers of {@code spring.datasource.url} and {@code spring.data.redis.url}. */
    public static void main(String... args) {
        SpringApplication.run(ControlPlane.class, args);
    }

    // tag::quote
    @Bean
    UsageAccess usageAccess() {
        return (caller, organisation) -> caller != null
                && MEMBERSHIPS.getOrDefault(caller.getName(), Set.of()).contains(organisation);
    }

    @Bean
    UsagePage usagePage(UsageService usage, PostgresRollups rollups, DataSource dataSource, TableMapping tables) {
        return UsagePage.builder(usage)
                .details(UsageDetails.of(rollups, Duration.ofSeconds(5)))
                .rows(UsageRows.of(PostgresRows.of(dataSource, tables)))
                .projects(new TableProjects(dataSource, TableMapping.DEFAULT_SCHEMA))
                .build();
    }
    // end::quote
}
