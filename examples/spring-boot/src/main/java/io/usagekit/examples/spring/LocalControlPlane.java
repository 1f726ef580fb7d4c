package io.usagekit.examples.spring;

import io.usagekit.servers.EmbeddedPostgresServer;
import io.usagekit.servers.EmbeddedRedisServer;
import io.usagekit.servers.ExampleEvents;
import java.time.YearMonth;
import java.time.ZoneOffset;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;

/** The control plane on a PostgreSQL and a Redis that it starts, with events to look at, until Ctrl-C. Arguments: those of Spring Boot. */
public final class LocalControlPlane {

    private LocalControlPlane() {}

    /** Starts it, and prints where it listens. */
    public static void main(String... args) {
        EmbeddedPostgresServer postgres = EmbeddedPostgresServer.start();
        EmbeddedRedisServer redis = EmbeddedRedisServer.start();
        ConfigurableApplicationContext context = new SpringApplicationBuilder(ControlPlane.class)
                .properties("spring.datasource.url=" + postgres.jdbcUrl(), "spring.data.redis.url=" + redis.url())
                .run(args);
        postgres.keepUntilClosed();
        SpringApplication.getShutdownHandlers().add(postgres::close); // after the context
        ExampleEvents.addTo(postgres.dataSource());
        String url = "http://127.0.0.1:" + context.getEnvironment().getRequiredProperty("local.server.port");
        System.out.println("The usage page: " + url + "/usage/org-01 (user ada, password secret). Try:");
        System.out.println("  curl -u ada:secret '" + url + "/organisations/org-01/usage?period="
                + YearMonth.now(ZoneOffset.UTC) + "'");
    }
}
