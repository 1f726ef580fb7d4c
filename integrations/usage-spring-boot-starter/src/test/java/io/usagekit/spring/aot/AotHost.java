package io.usagekit.spring.aot;

import io.usagekit.UsageService;
import io.usagekit.spring.UsageAutoConfiguration;
import io.usagekit.spring.UsageClickHouseAutoConfiguration;
import io.usagekit.spring.UsagePostgresAutoConfiguration;
import io.usagekit.spring.UsageRedisAutoConfiguration;
import io.usagekit.spring.actuate.UsageActuatorAutoConfiguration;
import io.usagekit.spring.web.UsageAccess;
import io.usagekit.spring.web.UsageWebAutoConfiguration;
import java.sql.Connection;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.springframework.aot.AotDetector;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.autoconfigure.ImportAutoConfiguration;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.data.redis.connection.RedisStandaloneConfiguration;
import org.springframework.data.redis.connection.lettuce.LettuceConnectionFactory;
import org.springframework.jdbc.datasource.AbstractDataSource;
import org.springframework.mock.web.MockServletContext;
import org.springframework.web.context.support.GenericWebApplicationContext;
import org.springframework.web.servlet.config.annotation.EnableWebMvc;

/** A web application with every part of the starter, whose servers are down. */
@Configuration(proxyBeanMethods = false)
@EnableWebMvc
@ImportAutoConfiguration({
    UsagePostgresAutoConfiguration.class,
    UsageClickHouseAutoConfiguration.class,
    UsageRedisAutoConfiguration.class,
    UsageAutoConfiguration.class,
    UsageActuatorAutoConfiguration.class,
    UsageWebAutoConfiguration.class
})
public class AotHost {

    private static final String[] PROPERTIES = {
        "spring.main.banner-mode=off",
        "usagekit.calculator=rollups",
        "usagekit.install=never",
        "usagekit.max-concurrent-computations=7",
        "usagekit.clickhouse.enabled=true",
        "usagekit.clickhouse.url=jdbc:ch://127.0.0.1:1",
        "usagekit.clickhouse.max-lag=10m",
        "usagekit.redis.command-timeout=50ms",
        "usagekit.redis.connect-timeout=50ms",
        "usagekit.web.enabled=true"
    };

    /** Starts, prints whether generated code made the beans, and which there are, and ends. */
    public static void main(String... arguments) {
        try (ConfigurableApplicationContext context = new SpringApplicationBuilder(AotHost.class)
                .web(WebApplicationType.SERVLET)
                .contextFactory(type -> new GenericWebApplicationContext(new MockServletContext()))
                .properties(PROPERTIES)
                .run(arguments)) {
            System.out.println("generated: " + AotDetector.useGeneratedArtifacts());
            System.out.println(
                    "permits: " + context.getBean(UsageService.class).stats().permits());
            for (String name : context.getBeanDefinitionNames()) {
                System.out.println("bean: " + name);
            }
        }
    }

    @Bean
    DataSource dataSource() {
        return new AbstractDataSource() {
            @Override
            public Connection getConnection() throws SQLException {
                throw new SQLException("down", "08001");
            }

            @Override
            public Connection getConnection(String username, String password) throws SQLException {
                return getConnection();
            }
        };
    }

    @Bean
    LettuceConnectionFactory redisConnectionFactory() {
        return new LettuceConnectionFactory(new RedisStandaloneConfiguration("127.0.0.1", 1));
    }

    @Bean
    UsageAccess usageAccess() {
        return (caller, organisation) -> false;
    }
}
