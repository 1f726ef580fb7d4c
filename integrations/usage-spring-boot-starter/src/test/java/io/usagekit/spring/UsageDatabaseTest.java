package io.usagekit.spring;

import static org.assertj.core.api.Assertions.assertThat;

import javax.sql.DataSource;
import org.junit.jupiter.api.Test;
import org.springframework.aop.framework.ProxyFactory;
import org.springframework.boot.test.context.runner.ApplicationContextRunner;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Primary;
import org.springframework.jdbc.datasource.DelegatingDataSource;
import org.springframework.jdbc.datasource.LazyConnectionDataSourceProxy;
import org.springframework.jdbc.datasource.TransactionAwareDataSourceProxy;

/** Which data source is taken, and that computations take part in no transaction of the host's. */
class UsageDatabaseTest {

    private static final StubDataSource FIRST = StubDataSource.down();
    private static final StubDataSource SECOND = StubDataSource.down();

    @Test
    void theQualifiedDataSourceTakesPrecedenceOverThePrimaryOne() {
        expect(Qualified.class, SECOND);
    }

    @Test
    void thePrimaryDataSourceIsTaken() {
        expect(PrimaryOne.class, FIRST);
    }

    @Test
    void computationsTakePartInNoTransactionOfTheHosts() {
        Contexts.empty()
                .withBean(DataSource.class, () -> new TransactionAwareDataSourceProxy(FIRST))
                .run(context -> assertThat(context.getBean(UsageDatabase.class).dataSource())
                        .isSameAs(FIRST));
    }

    @Test
    void severalDataSourcesAreRejectedByName() {
        Contexts.empty()
                .withUserConfiguration(Several.class)
                .run(context -> assertThat(context)
                        .getFailure()
                        .rootCause()
                        .isInstanceOf(UsageConfigurationException.class)
                        .hasMessageContainingAll("needs one DataSource", "firstSource", "secondSource"));
    }

    @Test
    void oneOfClickHouseIsNeverTaken() {
        expect(BesideClickHouse.class, FIRST);
        expect(BesidePrimaryClickHouse.class, FIRST);
        Contexts.empty().withUserConfiguration(ClickHouseAlone.class).run(context -> {
            assertThat(Failures.of(context))
                    .hasMessageContainingAll("needs one DataSource of PostgreSQL", "clickHouse");
            assertThat(Failures.of(context).action()).contains("@Bean(defaultCandidate = false)");
        });
    }

    @Test
    void proxiesOfTransactionsAreUnwrappedAtAnyDepth() {
        DataSource aware = new TransactionAwareDataSourceProxy(FIRST);
        DataSource delegating = new DelegatingDataSource(FIRST);
        ProxyFactory advised = new ProxyFactory(aware);
        ProxyFactory advisedClass = new ProxyFactory(aware);
        advisedClass.setProxyTargetClass(true);

        assertThat(UsageDatabase.withoutTransactions(FIRST)).isSameAs(FIRST);
        assertThat(UsageDatabase.withoutTransactions(delegating)).isSameAs(delegating);
        assertThat(UsageDatabase.withoutTransactions(aware)).isSameAs(FIRST);
        assertThat(UsageDatabase.withoutTransactions(new TransactionAwareDataSourceProxy(delegating)))
                .isSameAs(delegating);
        assertThat(UsageDatabase.withoutTransactions(new LazyConnectionDataSourceProxy(aware)))
                .isSameAs(FIRST);
        assertThat(UsageDatabase.withoutTransactions((DataSource) advised.getProxy()))
                .isSameAs(FIRST);
        assertThat(UsageDatabase.withoutTransactions((DataSource) advisedClass.getProxy()))
                .isSameAs(FIRST);
    }

    private static void expect(Class<?> configuration, DataSource expected) {
        ApplicationContextRunner runner = Contexts.empty().withUserConfiguration(configuration);
        runner.run(context ->
                assertThat(context.getBean(UsageDatabase.class).dataSource()).isSameAs(expected));
    }

    @Configuration(proxyBeanMethods = false)
    static class ClickHouseAlone {
        @Bean
        @UsageDataSource(UsageDataSource.Server.CLICKHOUSE)
        DataSource clickHouse() {
            return SECOND;
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class BesideClickHouse extends ClickHouseAlone {
        @Bean
        DataSource firstSource() {
            return FIRST;
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class BesidePrimaryClickHouse {
        @Bean
        @Primary
        @UsageDataSource(UsageDataSource.Server.CLICKHOUSE)
        DataSource clickHouse() {
            return SECOND;
        }

        @Bean
        DataSource firstSource() {
            return FIRST;
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Several {
        @Bean
        DataSource firstSource() {
            return FIRST;
        }

        @Bean
        DataSource secondSource() {
            return SECOND;
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class PrimaryOne {
        @Bean
        @Primary
        DataSource firstSource() {
            return FIRST;
        }

        @Bean
        DataSource secondSource() {
            return SECOND;
        }
    }

    @Configuration(proxyBeanMethods = false)
    static class Qualified {
        @Bean
        @Primary
        DataSource firstSource() {
            return FIRST;
        }

        @Bean
        @UsageDataSource
        DataSource secondSource() {
            return SECOND;
        }
    }
}
