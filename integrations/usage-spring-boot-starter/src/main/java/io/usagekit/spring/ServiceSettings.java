package io.usagekit.spring;

import io.usagekit.MissPolicy;
import io.usagekit.SingleFlight;
import io.usagekit.UsageCache;
import io.usagekit.UsageService;
import io.usagekit.UsageServiceBuilder;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.convert.DurationStyle;

/** Passes the service's properties to its builder. */
final class ServiceSettings {

    private ServiceSettings() {}

    /** Rejects properties that ask for a cache or a single-flight that there isn't. */
    static void checkPresent(
            UsageProperties properties, @Nullable UsageCache cache, @Nullable SingleFlight singleFlight) {
        UsageProperties.Cache wanted = properties.cache();
        if (wanted != null && wanted != UsageProperties.Cache.NONE && cache == null) {
            throw wanted == UsageProperties.Cache.POSTGRES
                    ? missing("cache", wanted, "DataSource", "spring-boot-starter-jdbc")
                    : missing("cache", wanted, "RedisConnectionFactory", "spring-boot-starter-data-redis");
        }
        if (properties.singleFlight() == UsageProperties.Flight.FLEET_WIDE && singleFlight == null) {
            throw missing(
                    "single-flight",
                    UsageProperties.Flight.FLEET_WIDE,
                    "SingleFlight over the cache's own store",
                    "spring-boot-starter-data-redis");
        }
    }

    private static UsageConfigurationException missing(String name, Enum<?> value, String bean, String starter) {
        String property = UsageProperties.PREFIX + "." + name;
        return new UsageConfigurationException(
                property + " is " + Knobs.lower(value) + ", but there is no bean of type " + bean,
                "Add " + starter + ", declare the bean, or remove " + property + ".",
                null);
    }

    /** Applies the properties, then the customizers, and builds. */
    static UsageService build(
            UsageProperties properties, UsageServiceBuilder builder, List<UsageServiceCustomizer> customizers) {
        return Knobs.named(UsageProperties.PREFIX, UsageProperties.class, () -> {
            apply(properties, builder);
            customizers.forEach(customizer -> customizer.customize(builder));
            return builder.build();
        });
    }

    private static void apply(UsageProperties properties, UsageServiceBuilder builder) {
        Knobs.ifGiven(properties.ttl(), builder::ttl);
        Knobs.ifGiven(properties.refreshAfter(), builder::refreshAfter);
        Knobs.ifGiven(properties.refreshJitterPercent(), builder::refreshJitterPercent);
        Knobs.ifGiven(properties.staleIfError(), builder::staleIfError);
        Knobs.ifGiven(properties.errorBackOff(), builder::errorBackOff);
        Knobs.ifGiven(properties.outagePolicy(), builder::outagePolicy);
        Knobs.ifGiven(properties.maxConcurrentComputations(), builder::maxConcurrentComputations);
        Knobs.ifGiven(
                properties.maxConcurrentComputationsPerOrganisation(),
                builder::maxConcurrentComputationsPerOrganisation);
        Knobs.ifGiven(properties.maxQueuedComputations(), builder::maxQueuedComputations);
        Knobs.ifGiven(properties.drainTimeout(), builder::drainTimeout);
        Knobs.ifGiven(properties.computationTimeout(), builder::computationTimeout);
        Knobs.ifGiven(properties.missPolicy(), text -> builder.missPolicy(missPolicy(text)));
    }

    /**
     * Parses the text form of a miss policy: {@code await}, {@code pending}, or a duration of Spring's or ISO 8601's form.
     *
     * @throws IllegalArgumentException if the text is none of them; the message begins with the property's name
     */
    static MissPolicy missPolicy(String text) {
        if (text.equalsIgnoreCase("await")) {
            return MissPolicy.await();
        }
        if (text.equalsIgnoreCase("pending")) {
            return MissPolicy.pending();
        }
        try {
            return MissPolicy.awaitUpTo(DurationStyle.detectAndParse(text));
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(
                    "missPolicy must be await, pending, or a positive duration of at most a day such as 200ms, but was \""
                            + text + "\"",
                    e);
        }
    }
}
