package io.usagekit.spring.web;

import io.usagekit.UsageService;
import io.usagekit.format.UsageResponseFormatter;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.spring.UsageAutoConfiguration;
import io.usagekit.spring.UsageConfigurationException;
import io.usagekit.spring.UsageProperties;
import java.time.Duration;
import java.util.Optional;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnWebApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.http.HttpStatus;
import org.springframework.http.ResponseEntity;
import org.springframework.web.servlet.DispatcherServlet;

/**
 * Configures responses and problems for the host's controllers, and the library's own controller where {@code usagekit.web.enabled} is set. A
 * reactive application has responses and problems only: the controller waits for figures.
 *
 * @since 0.1
 */
@AutoConfiguration(after = UsageAutoConfiguration.class)
@ConditionalOnClass(ResponseEntity.class)
@ConditionalOnWebApplication
@ConditionalOnBean(UsageService.class)
public final class UsageWebAutoConfiguration {

    private static final String PREFIX = UsageProperties.PREFIX + ".web";
    private static final Duration LONGEST = Duration.ofMinutes(10);

    /** Creates the configuration. */
    public UsageWebAutoConfiguration() {}

    @Bean
    @ConditionalOnMissingBean
    UsageResponseFormatter usageResponseFormatter() {
        return UsageResponseFormatter.plain();
    }

    @Bean
    @ConditionalOnMissingBean
    UsageResponses usageResponses(UsageProperties properties, UsageResponseFormatter formatter) {
        int pending = properties.web().pendingStatus();
        if (pending != HttpStatus.OK.value() && pending != HttpStatus.ACCEPTED.value()) {
            throw wrong(PREFIX + ".pending-status", "must be 200 or 202, but was " + pending);
        }
        return new UsageResponses(formatter, HttpStatus.valueOf(pending));
    }

    @Bean
    @ConditionalOnMissingBean
    UsageProblems usageProblems() {
        return new UsageProblems();
    }

    private static UsageConfigurationException wrong(String property, String what) {
        return new UsageConfigurationException(property + " " + what, "Correct the value of " + property + ".");
    }

    /** The controller, in a servlet application. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(DispatcherServlet.class)
    @ConditionalOnWebApplication(type = ConditionalOnWebApplication.Type.SERVLET)
    @ConditionalOnBooleanProperty(prefix = PREFIX, name = "enabled")
    static class Servlet {

        @Bean
        UsageController usageController(
                UsageProperties properties,
                UsageService service,
                ObjectProvider<PostgresRollups> rollups,
                ObjectProvider<UsageAccess> accesses,
                UsageResponses responses) {
            UsageAccess access = accesses.getIfAvailable();
            if (access == null) {
                throw new UsageConfigurationException(
                        PREFIX
                                + ".enabled is true, but there is no bean of type UsageAccess, which says who may read what",
                        "Declare a bean of type UsageAccess.");
            }
            Duration timeout = properties.web().seriesTimeout();
            if (timeout.compareTo(Duration.ofMillis(1)) < 0 || timeout.compareTo(LONGEST) > 0) {
                throw wrong(
                        PREFIX + ".series-timeout", "must be between PT0.001S and " + LONGEST + ", but was " + timeout);
            }
            return new UsageController(
                    service, Optional.ofNullable(rollups.getIfAvailable()), access, responses, timeout);
        }
    }

    /** Refuses to start a reactive application that would wait in vain for the controller. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnWebApplication(type = ConditionalOnWebApplication.Type.REACTIVE)
    @ConditionalOnBooleanProperty(prefix = PREFIX, name = "enabled")
    static class Reactive {

        Reactive() {
            throw new UsageConfigurationException(
                    PREFIX
                            + ".enabled is true, but this application is reactive, and the library's controller is one of Spring"
                            + " MVC, which waits for figures",
                    "Remove " + PREFIX + ".enabled, and return UsageService.getAsync from a controller of your own.");
        }
    }
}
