package io.usagekit.spring;

import io.usagekit.UsageCalculator;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.events.PostgresLedger;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupListener;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.CellReader;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import java.util.Optional;
import javax.sql.DataSource;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.sql.init.dependency.DependsOnDatabaseInitialization;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Conditional;

/**
 * Configures what computes figures from PostgreSQL, if there is a {@link DataSource}: the mapping, the calculator, and the roll-ups with their
 * worker where {@code usagekit.calculator} is {@code rollups}.
 *
 * @since 0.1
 */
@AutoConfiguration(
        afterName = {
            "org.springframework.boot.autoconfigure.jdbc.DataSourceAutoConfiguration", // Spring Boot 3
            "org.springframework.boot.jdbc.autoconfigure.DataSourceAutoConfiguration", // Spring Boot 4
            "org.springframework.boot.autoconfigure.task.TaskSchedulingAutoConfiguration"
        })
@ConditionalOnBooleanProperty(prefix = UsageProperties.PREFIX, name = "enabled", matchIfMissing = true)
@ConditionalOnBean(DataSource.class)
@EnableConfigurationProperties(UsageProperties.class)
public final class UsagePostgresAutoConfiguration {

    private static final String WORKER = UsageProperties.PREFIX + ".worker";

    /** Creates the configuration. */
    public UsagePostgresAutoConfiguration() {}

    @Bean
    @ConditionalOnMissingBean
    TableMapping usageTableMapping(UsageProperties properties) {
        return TableMappings.of(properties.tables());
    }

    @Bean
    UsageDatabase usageDatabase(
            ListableBeanFactory beans,
            @UsageDataSource ObjectProvider<DataSource> qualified,
            @UsageDataSource(UsageDataSource.Server.CLICKHOUSE) ObjectProvider<DataSource> ofClickHouse,
            ObjectProvider<DataSource> all) {
        return UsageDatabase.select(beans, qualified, ofClickHouse, all);
    }

    @Bean
    @ConditionalOnMissingBean(UsageCalculator.class)
    @DependsOnDatabaseInitialization
    UsageInstallation usageInstallation(
            UsageProperties properties,
            UsageDatabase database,
            TableMapping mapping,
            ObjectProvider<PostgresRollups> rollups,
            ObjectProvider<RollupFeed> feed,
            ObjectProvider<PostgresLedger> ledger) {
        UsageInstallation installation = new UsageInstallation(
                database.dataSource(),
                mapping,
                Optional.ofNullable(rollups.getIfAvailable()),
                Optional.ofNullable(feed.getIfAvailable()),
                Optional.ofNullable(ledger.getIfAvailable()));
        installation.run(properties.install());
        return installation;
    }

    @Bean
    @ConditionalOnMissingBean
    @Conditional(OnUsageProperty.Rollups.class)
    PostgresRollups usageRollups(
            UsageProperties properties,
            UsageDatabase database,
            TableMapping mapping,
            ObjectProvider<RollupListener> listeners) {
        PostgresRollups.Builder builder = PostgresRollups.builder(database.dataSource())
                .mapping(mapping)
                .countDeletedProjects(properties.countDeletedProjects())
                .listener(new RollupListeners(listeners.orderedStream().toList()));
        UsageProperties.Rollups settings = properties.rollups();
        Knobs.ifGiven(settings.schema(), builder::schema);
        Knobs.ifGiven(settings.deleteDependants(), tables -> builder.deleteDependants(tables.toArray(String[]::new)));
        if (settings.omitMissingProjects()) {
            builder.omitMissingProjects();
        }
        return Knobs.named(UsageProperties.PREFIX + ".rollups", UsageProperties.Rollups.class, builder::build);
    }

    @Bean
    @ConditionalOnMissingBean
    UsageCalculator usageCalculator(
            UsageProperties properties,
            UsageDatabase database,
            TableMapping mapping,
            ObjectProvider<PostgresRollups> rollups,
            ObjectProvider<RollupFeed> feed,
            ObjectProvider<CellReader> cells,
            ObjectProvider<CellReadListener> listeners,
            UsageInstallation installed) {
        if (properties.calculator() == UsageProperties.Calculator.ROLLUPS) {
            CellReader reader = cells.getIfAvailable();
            return reader == null
                    ? rollups.getObject().calculator()
                    : feed.getObject()
                            .calculator(
                                    reader,
                                    FeedListeners.ofReads(
                                            listeners.orderedStream().toList()));
        }
        return PostgresUsage.builder(database.dataSource())
                .mapping(mapping)
                .countDeletedProjects(properties.countDeletedProjects())
                .build();
    }

    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnBean(PostgresRollups.class)
    @ConditionalOnBooleanProperty(prefix = UsageProperties.PREFIX + ".worker", name = "enabled", matchIfMissing = true)
    RollupWorker usageRollupWorker(
            UsageProperties properties, PostgresRollups rollups, ObjectProvider<UsageInstallation> installation) {
        installation.ifAvailable(installed -> {}); // before the first run
        UsageProperties.Worker settings = properties.worker();
        RollupWorker.Builder builder = rollups.worker();
        Knobs.ifGiven(settings.settle(), builder::settle);
        Knobs.ifGiven(settings.runBudget(), builder::runBudget);
        Knobs.ifGiven(settings.stepBudget(), builder::stepBudget);
        Knobs.ifGiven(settings.stepTimeout(), builder::stepTimeout);
        Knobs.ifGiven(settings.waitForWriters(), builder::waitForWriters);
        Knobs.ifGiven(settings.drainTimeout(), builder::drainTimeout);
        return Knobs.named(WORKER, UsageProperties.Worker.class, builder::build);
    }

    @Bean
    @ConditionalOnBean(RollupWorker.class)
    BackgroundLifecycle usageRollupWorkerLifecycle(
            UsageProperties properties, RollupWorker worker, UsageScheduler scheduler) {
        return new BackgroundLifecycle(
                () -> Knobs.run(
                        WORKER,
                        UsageProperties.Worker.class,
                        () -> worker.start(
                                scheduler.get()::scheduleWithFixedDelay,
                                properties.worker().pause())),
                worker::close);
    }
}
