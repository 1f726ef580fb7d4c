package io.usagekit.spring;

import java.util.function.Predicate;
import org.springframework.boot.autoconfigure.condition.ConditionMessage;
import org.springframework.boot.autoconfigure.condition.ConditionOutcome;
import org.springframework.boot.autoconfigure.condition.SpringBootCondition;
import org.springframework.boot.context.properties.bind.BindException;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.context.annotation.ConditionContext;
import org.springframework.core.type.AnnotatedTypeMetadata;

/**
 * Matches a value of a property in all spellings that its enumeration has. A value that the enumeration doesn't have matches nothing; binding
 * {@link UsageProperties} reports it.
 */
abstract class OnUsageProperty<E extends Enum<E>> extends SpringBootCondition {

    private final String property;
    private final E byDefault;
    private final Predicate<E> matching;

    OnUsageProperty(String name, E byDefault, Predicate<E> matching) {
        this.property = UsageProperties.PREFIX + "." + name;
        this.byDefault = byDefault;
        this.matching = matching;
    }

    @Override
    public ConditionOutcome getMatchOutcome(ConditionContext context, AnnotatedTypeMetadata metadata) {
        ConditionMessage.Builder message = ConditionMessage.forCondition("Usagekit");
        try {
            E value = Binder.get(context.getEnvironment())
                    .bind(property, byDefault.getDeclaringClass())
                    .orElse(byDefault);
            return new ConditionOutcome(matching.test(value), message.because(property + " is " + value));
        } catch (BindException e) {
            return ConditionOutcome.noMatch(message.because(property + " has a wrong value"));
        }
    }

    /** Matches where figures are read from roll-ups. */
    static final class Rollups extends OnUsageProperty<UsageProperties.Calculator> {
        Rollups() {
            super("calculator", UsageProperties.Calculator.RAW, UsageProperties.Calculator.ROLLUPS::equals);
        }
    }

    /** Matches where figures are cached in Redis. */
    static final class CacheInRedis extends OnUsageProperty<UsageProperties.Cache> {
        CacheInRedis() {
            super(
                    "cache",
                    UsageProperties.Cache.NEAR,
                    value -> value == UsageProperties.Cache.NEAR || value == UsageProperties.Cache.SHARED);
        }
    }

    /** Matches where figures are cached in PostgreSQL. */
    static final class CacheInPostgres extends OnUsageProperty<UsageProperties.Cache> {
        CacheInPostgres() {
            super("cache", UsageProperties.Cache.NEAR, UsageProperties.Cache.POSTGRES::equals);
        }
    }

    /** Matches where one process computes for all others. */
    static final class FleetWide extends OnUsageProperty<UsageProperties.Flight> {
        FleetWide() {
            super("single-flight", UsageProperties.Flight.FLEET_WIDE, UsageProperties.Flight.FLEET_WIDE::equals);
        }
    }
}
