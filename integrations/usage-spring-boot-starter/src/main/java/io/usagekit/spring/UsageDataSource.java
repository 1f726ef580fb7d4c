package io.usagekit.spring;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.springframework.beans.factory.annotation.Qualifier;

/**
 * Qualifies the {@link javax.sql.DataSource} bean that holds events and deliveries, in an application that has several ones. Without it the
 * only or the primary data source is taken. With {@link Server#CLICKHOUSE} it qualifies the one that leads to ClickHouse, which is never taken
 * without.
 *
 * @since 0.1
 */
@Target({ElementType.FIELD, ElementType.METHOD, ElementType.PARAMETER, ElementType.TYPE, ElementType.ANNOTATION_TYPE})
@Retention(RetentionPolicy.RUNTIME)
@Documented
@Qualifier
public @interface UsageDataSource {

    /** Where its connections lead to. */
    enum Server {
        /** The database with events and deliveries. */
        POSTGRESQL,
        /** Any server of the ClickHouse cluster, or a balancer in front of it. */
        CLICKHOUSE
    }

    /** Returns where its connections lead to. */
    Server value() default Server.POSTGRESQL;
}
