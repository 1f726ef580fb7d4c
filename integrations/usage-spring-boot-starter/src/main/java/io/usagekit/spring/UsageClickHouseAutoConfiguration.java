package io.usagekit.spring;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.clickhouse.ClickHouseHistory;
import io.usagekit.clickhouse.ClickHouseUsage;
import io.usagekit.clickhouse.HistoryListener;
import io.usagekit.postgres.FleetLock;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.rollups.spi.CellReader;
import io.usagekit.postgres.rollups.spi.CellStore;
import io.usagekit.postgres.rollups.spi.FeedListener;
import io.usagekit.postgres.rollups.spi.FeedWorker;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.reports.UsageReports;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Objects;
import java.util.regex.Pattern;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.DisposableBean;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingClass;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Conditional;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Fallback;
import org.springframework.context.annotation.Primary;

/**
 * Configures a ClickHouse cluster where {@code usagekit.clickhouse.enabled} is set: with roll-ups the feed, its worker and what reads cells for
 * the calculator; with {@code usagekit.clickhouse.max-lag} the reader of ClickHouse alone, which is the service's calculator where there is no
 * other one.
 *
 * @since 0.1
 */
@AutoConfiguration(after = UsagePostgresAutoConfiguration.class)
@ConditionalOnBooleanProperty(prefix = UsageProperties.PREFIX, name = "enabled", matchIfMissing = true)
@ConditionalOnBooleanProperty(prefix = UsageClickHouseAutoConfiguration.PREFIX, name = "enabled")
@EnableConfigurationProperties(UsageProperties.class)
public final class UsageClickHouseAutoConfiguration {

    static final String PREFIX = UsageProperties.PREFIX + ".clickhouse";

    /** Creates the configuration. */
    public UsageClickHouseAutoConfiguration() {}

    /** Where the module is missing: figures would come from roll-ups alone, and nobody would know. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnMissingClass("io.usagekit.clickhouse.ClickHouseUsage")
    static class WithoutModule {

        @Bean
        SmartInitializingSingleton usageClickHouseIsMissing() {
            throw new UsageConfigurationException(
                    PREFIX + ".enabled is true, but usage-clickhouse isn't on the class path",
                    "Add io.usagekit:usage-clickhouse and ClickHouse's driver, or remove " + PREFIX + ".enabled.");
        }
    }

    /** The tables on ClickHouse. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(ClickHouseUsage.class)
    static class OfTables {

        @Bean
        @ConditionalOnMissingBean(ClickHouseUsage.class)
        Connections usageClickHouseConnections(
                UsageProperties properties,
                @UsageDataSource(UsageDataSource.Server.CLICKHOUSE) ObjectProvider<DataSource> qualified) {
            return Connections.select(properties.clickhouse(), qualified.getIfAvailable());
        }

        @Bean
        @ConditionalOnMissingBean
        ClickHouseUsage usageClickHouse(UsageProperties properties, Connections connections) {
            UsageProperties.ClickHouse settings = properties.clickhouse();
            return Knobs.named(PREFIX, UsageProperties.ClickHouse.class, () -> {
                ClickHouseUsage.Builder builder = ClickHouseUsage.builder(connections.dataSource);
                Knobs.ifGiven(settings.database(), builder::database);
                Knobs.ifGiven(settings.cluster(), builder::cluster);
                Knobs.ifGiven(settings.engine(), builder::engine);
                Knobs.ifGiven(settings.timeout(), builder::timeout);
                if (settings.onCluster()) {
                    builder.onCluster();
                }
                return builder.build();
            });
        }

        @Bean
        Installed usageClickHouseInstallation(
                UsageProperties properties, ClickHouseUsage clickHouse, ObjectProvider<PostgresRollups> rollups) {
            if (rollups.getIfAvailable() == null && properties.clickhouse().maxLag() == null) {
                throw new UsageConfigurationException(
                        PREFIX + ".enabled is true, but there are no roll-ups to feed it, nor " + PREFIX
                                + ".max-lag for figures from ClickHouse alone",
                        "Set " + UsageProperties.PREFIX + ".calculator=rollups, or " + PREFIX + ".max-lag.");
            }
            UsageInstallation.apply(
                    properties.install(),
                    "clickhouse",
                    "the database " + clickHouse.database() + " of ClickHouse",
                    () -> clickHouse.store().highestVersion(), // fails where a table is missing
                    clickHouse::install);
            return new Installed(clickHouse);
        }

        /** A fallback: the service computes with it where there is no other calculator. */
        @Bean
        @Fallback
        @ConditionalOnMissingBean
        @ConditionalOnProperty(prefix = PREFIX, name = "max-lag")
        ClickHouseHistory usageHistory(
                UsageProperties properties, Installed installed, ObjectProvider<HistoryListener> listeners) {
            Duration maxLag = Objects.requireNonNull(properties.clickhouse().maxLag());
            return Knobs.named(
                    PREFIX,
                    UsageProperties.ClickHouse.class,
                    () -> installed
                            .clickHouse()
                            .history(
                                    maxLag,
                                    new FeedListeners.OfHistory(
                                            listeners.orderedStream().toList())));
        }
    }

    /** The feed of the roll-ups, and reads of what it has shipped. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnClass(ClickHouseUsage.class)
    @ConditionalOnBean(PostgresRollups.class)
    static class OfFeed {

        private static final String FEED = PREFIX + ".feed";
        private static final String PRUNING = PREFIX + ".pruning";

        @Bean
        @ConditionalOnMissingBean
        RollupFeed usageFeed(PostgresRollups rollups) {
            return rollups.feed();
        }

        @Bean
        @ConditionalOnMissingBean
        CellReader usageCellReader(Installed installed) {
            return installed.clickHouse().reader();
        }

        @Bean
        @ConditionalOnMissingBean
        CellStore usageCellStore(Installed installed) {
            return installed.clickHouse().store();
        }

        /** Goes before the reports of roll-ups, which it equals, and of history; not before a bean of the host's. */
        @Bean
        @Primary
        @ConditionalOnMissingBean(
                value = UsageReports.class,
                ignored = {PostgresRollups.class, ClickHouseHistory.class})
        UsageReports usageReports(RollupFeed feed, CellReader reader, ObjectProvider<CellReadListener> listeners) {
            return feed.reports(
                    reader, FeedListeners.ofReads(listeners.orderedStream().toList()));
        }

        @Bean
        @ConditionalOnMissingBean
        @ConditionalOnBooleanProperty(prefix = FEED, name = "enabled", matchIfMissing = true)
        FeedWorker usageFeedWorker(
                UsageProperties properties,
                RollupFeed feed,
                CellStore store,
                ObjectProvider<FeedListener> listeners,
                ObjectProvider<UsageInstallation> installation) {
            installation.ifAvailable(installed -> {}); // before the first run
            UsageProperties.ClickHouse.Feed settings = properties.clickhouse().feed();
            FeedWorker.Builder builder = feed.worker(store)
                    .listener(FeedListeners.ofRuns(listeners.orderedStream().toList()));
            Knobs.ifGiven(settings.maxHours(), builder::maxHours);
            Knobs.ifGiven(settings.runBudget(), builder::runBudget);
            Knobs.ifGiven(settings.cycleTimeout(), builder::cycleTimeout);
            Knobs.ifGiven(settings.drainTimeout(), builder::drainTimeout);
            return Knobs.named(FEED, UsageProperties.ClickHouse.Feed.class, builder::build);
        }

        @Bean
        @ConditionalOnBean(FeedWorker.class)
        BackgroundLifecycle usageFeedWorkerLifecycle(
                UsageProperties properties, FeedWorker worker, UsageScheduler scheduler) {
            return new BackgroundLifecycle(
                    () -> Knobs.run(
                            FEED,
                            UsageProperties.ClickHouse.Feed.class,
                            () -> worker.start(
                                    scheduler.get()::scheduleWithFixedDelay,
                                    properties.clickhouse().feed().pause())),
                    worker::close);
        }

        @Bean
        @Conditional(MaintenanceSchedules.OfPruning.class)
        MaintenanceJob usagePruningJob(UsageProperties properties, UsageDatabase database, Installed installed) {
            ClickHouseUsage clickHouse = installed.clickHouse();
            UsageProperties.ClickHouse.Pruning settings =
                    properties.clickhouse().pruning();
            Duration keep =
                    Knobs.between(PRUNING + ".keep", settings.keep(), Duration.ofMinutes(1), Duration.ofDays(30));
            int maxMonths = Knobs.between(PRUNING + ".max-months", settings.maxMonths(), 1, 1_000);
            return new MaintenanceJob(
                    "clickhouse.pruning",
                    MaintenanceSchedules.parse(
                            PRUNING + ".cron", Objects.requireNonNull(settings.cron()), settings.zone()),
                    FleetLock.of(database.dataSource(), "pruning of " + clickHouse.database() + " on ClickHouse")
                            ::tryRun,
                    stopped -> new MaintenanceJob.Result(
                            true,
                            "removed replaced cells of " + clickHouse.removeSuperseded(keep, maxMonths) + " months"));
        }
    }

    /** The tables, which have been installed or validated. */
    record Installed(ClickHouseUsage clickHouse) {}

    /** The host's connections to ClickHouse, or a pool of the library's own. */
    static final class Connections implements DisposableBean {

        private static final Pattern URL = Pattern.compile("jdbc:(ch|clickhouse):.+");
        private static final Duration CONNECTION_TIMEOUT = Duration.ofSeconds(5);

        /** For connecting and the first answer, unless the URL says otherwise; each statement has a limit of its own. */
        private static final Duration SOCKET_TIMEOUT = Duration.ofSeconds(15);

        final DataSource dataSource;
        private final @Nullable HikariDataSource own;

        private Connections(DataSource dataSource, @Nullable HikariDataSource own) {
            this.dataSource = dataSource;
            this.own = own;
        }

        static Connections select(UsageProperties.ClickHouse settings, @Nullable DataSource qualified) {
            String url = settings.url();
            if (qualified != null && url != null) {
                throw new UsageConfigurationException(
                        PREFIX + ".url is given, but there is also a DataSource that is qualified for ClickHouse",
                        "Remove one of them.");
            }
            if (qualified != null) {
                return new Connections(qualified, null);
            }
            if (url == null) {
                throw new UsageConfigurationException(
                        PREFIX + ".enabled is true, but nothing says where ClickHouse is",
                        "Set " + PREFIX + ".url, or annotate the bean method of a DataSource that leads there with"
                                + " @UsageDataSource(CLICKHOUSE) and @Bean(defaultCandidate = false).");
            }
            HikariDataSource own = pool(url, settings);
            return new Connections(own, own);
        }

        /** Creates a pool that connects to nothing yet. Messages don't quote the URL, which may hold a password. */
        private static HikariDataSource pool(String url, UsageProperties.ClickHouse settings) {
            if (!URL.matcher(url).matches()) {
                throw Knobs.wrong(PREFIX + ".url", "must look like jdbc:ch://host:8123, but doesn't", null);
            }
            try {
                DriverManager.getDriver(url);
            } catch (SQLException e) {
                throw new UsageConfigurationException(
                        PREFIX + ".url is given, but ClickHouse's driver isn't on the class path",
                        "Add com.clickhouse:clickhouse-jdbc.",
                        e);
            }
            HikariDataSource pool = new HikariDataSource();
            pool.setPoolName("usage-clickhouse");
            pool.setJdbcUrl(url);
            pool.setUsername(settings.username());
            pool.setPassword(settings.password());
            pool.setMinimumIdle(0);
            pool.setConnectionTimeout(CONNECTION_TIMEOUT.toMillis());
            pool.setInitializationFailTimeout(-1); // ClickHouse may be away when the application starts
            if (!url.contains("socket_timeout=")) {
                pool.addDataSourceProperty("socket_timeout", String.valueOf(SOCKET_TIMEOUT.toMillis()));
            }
            return pool;
        }

        /** Closes the library's own pool; the host's belongs to the host. */
        @Override
        public void destroy() {
            if (own != null) {
                own.close();
            }
        }
    }
}
