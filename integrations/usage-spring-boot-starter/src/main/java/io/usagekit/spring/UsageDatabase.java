package io.usagekit.spring;

import java.util.List;
import javax.sql.DataSource;
import org.springframework.aop.framework.AopProxyUtils;
import org.springframework.aop.support.AopUtils;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.jdbc.datasource.DelegatingDataSource;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;

/**
 * The data source that holds events and deliveries.
 *
 * @param dataSource hands out connections that take part in no transaction of the host's: computations and workers have their own
 */
record UsageDatabase(DataSource dataSource) {

    /**
     * Selects the qualified data source, or the only or primary one of those that don't lead to ClickHouse.
     *
     * @throws UsageConfigurationException if there are several ones of which none is qualified or primary, or none is left
     */
    static UsageDatabase select(
            ListableBeanFactory beans,
            ObjectProvider<DataSource> qualified,
            ObjectProvider<DataSource> ofClickHouse,
            ObjectProvider<DataSource> all) {
        DataSource selected = qualified.getIfAvailable();
        if (selected == null) {
            List<DataSource> excluded = ofClickHouse.stream().toList();
            selected = all.getIfUnique();
            if (selected == null || excluded.contains(selected)) {
                List<DataSource> left =
                        all.stream().filter(one -> !excluded.contains(one)).toList();
                selected = left.size() == 1 ? left.get(0) : null;
            }
        }
        if (selected == null) {
            throw new UsageConfigurationException(
                    "the usage service needs one DataSource of PostgreSQL, but there are "
                            + String.join(", ", beans.getBeanNamesForType(DataSource.class)),
                    "Annotate the bean method of the one that holds events and deliveries with @UsageDataSource."
                            + " Declare one of ClickHouse with @Bean(defaultCandidate = false): beside other ones"
                            + " Spring Boot doesn't create that of spring.datasource.",
                    null);
        }
        return new UsageDatabase(withoutTransactions(selected));
    }

    /** Returns what lies behind the innermost proxy that binds connections to the host's transactions; the data source itself if there is none. */
    static DataSource withoutTransactions(DataSource dataSource) {
        DataSource result = dataSource;
        DataSource next = dataSource;
        while (true) {
            Object plain = AopUtils.isAopProxy(next) ? AopProxyUtils.getSingletonTarget(next) : next;
            DataSource target = plain instanceof DelegatingDataSource proxy ? proxy.getTargetDataSource() : null;
            if (target == null) {
                return result;
            }
            if (plain instanceof TransactionAwareDataSourceProxy) {
                result = target;
            }
            next = target;
        }
    }
}
