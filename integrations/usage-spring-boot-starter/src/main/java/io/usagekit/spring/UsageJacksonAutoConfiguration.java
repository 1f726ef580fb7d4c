package io.usagekit.spring;

import io.usagekit.format.UsageResponseFormatter;
import io.usagekit.jackson.Jackson2UsageModule;
import io.usagekit.jackson.Jackson3UsageModule;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/**
 * Configures the modules of {@code usage-jackson}, which Spring Boot registers with its mappers: what a controller returns is printed as the
 * host's {@link UsageResponseFormatter} prints it, by default {@link UsageResponseFormatter#plain()}.
 *
 * @since 0.1
 */
@AutoConfiguration
@ConditionalOnBooleanProperty(prefix = UsageProperties.PREFIX, name = "enabled", matchIfMissing = true)
public final class UsageJacksonAutoConfiguration {

    /** Creates the configuration. */
    public UsageJacksonAutoConfiguration() {}

    /** The mapper of Spring Boot 3. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(
            name = {"com.fasterxml.jackson.databind.ObjectMapper", "io.usagekit.jackson.Jackson2UsageModule"})
    static class Jackson2 {

        @Bean
        @ConditionalOnMissingBean
        Jackson2UsageModule usageJackson2Module(ObjectProvider<UsageResponseFormatter> formatters) {
            return new Jackson2UsageModule(formatters.getIfAvailable(UsageResponseFormatter::plain));
        }
    }

    /** The mapper of Spring Boot 4. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(name = {"tools.jackson.databind.ObjectMapper", "io.usagekit.jackson.Jackson3UsageModule"})
    static class Jackson3 {

        @Bean
        @ConditionalOnMissingBean
        Jackson3UsageModule usageJackson3Module(ObjectProvider<UsageResponseFormatter> formatters) {
            return new Jackson3UsageModule(formatters.getIfAvailable(UsageResponseFormatter::plain));
        }
    }
}
