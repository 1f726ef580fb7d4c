package io.usagekit.spring;

import io.usagekit.FlightStore;
import io.usagekit.SingleFlight;
import io.usagekit.SingleFlights;
import io.usagekit.UsageCache;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.PostgresCache;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.DisposableBean;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.boot.sql.init.dependency.DependsOnDatabaseInitialization;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Conditional;

/**
 * Configures the cache in PostgreSQL and the single-flight of the fleet over it, where {@code usagekit.cache} is {@code postgres}. Both give
 * precedence to a {@link UsageCache} of the host's.
 *
 * @since 0.1
 */
@AutoConfiguration(after = UsagePostgresAutoConfiguration.class)
@ConditionalOnBooleanProperty(prefix = UsageProperties.PREFIX, name = "enabled", matchIfMissing = true)
@ConditionalOnBean(DataSource.class)
@ConditionalOnMissingBean(UsageCache.class)
@Conditional(OnUsageProperty.CacheInPostgres.class)
@EnableConfigurationProperties(UsageProperties.class)
public final class UsagePostgresCacheAutoConfiguration {

    private static final String GROUP = "postgres-cache";
    private static final String PREFIX = UsageProperties.PREFIX + "." + GROUP;

    /** Creates the configuration. */
    public UsagePostgresCacheAutoConfiguration() {}

    @Bean
    Threads usagePostgresCacheThreads(UsageProperties properties) {
        return new Threads(properties.postgresCache().threads());
    }

    @Bean
    @ConditionalOnMissingBean
    PostgresCache usagePostgresCache(UsageProperties properties, UsageDatabase database, Threads threads) {
        UsageProperties.PostgresCache settings = properties.postgresCache();
        PostgresCache.Builder builder = PostgresCache.builder(database.dataSource(), threads.pool);
        Knobs.ifGiven(settings.schema(), builder::schema);
        Knobs.ifGiven(settings.timeout(), builder::timeout);
        if (settings.listen()) {
            builder.listenOn(database.dataSource());
        }
        return Knobs.named(PREFIX, UsageProperties.PostgresCache.class, builder::build);
    }

    @Bean
    @DependsOnDatabaseInitialization
    UsageCache usageCache(UsageProperties properties, PostgresCache shared) {
        UsageInstallation.apply(
                properties.install(),
                GROUP,
                "the schema " + shared.schema(),
                () -> checkInstalled(shared),
                shared::install);
        return shared.cache();
    }

    private static void checkInstalled(PostgresCache shared) {
        if (!shared.isInstalled()) {
            throw UsageStorageException.permanent(
                    "there is no cache of this version in the schema " + shared.schema(), null);
        }
    }

    /** The parameter that isn't used is the cache whose table has been installed. */
    @Bean
    @ConditionalOnMissingBean
    @Conditional(OnUsageProperty.FleetWide.class)
    SingleFlight usageSingleFlight(UsageProperties properties, PostgresCache shared, UsageCache installed) {
        UsageProperties.PostgresCache settings = properties.postgresCache();
        FlightStore store = shared.flightStore();
        try {
            return Knobs.named(
                    PREFIX,
                    UsageProperties.PostgresCache.class,
                    () -> SingleFlights.fleetWide(
                            store,
                            orDefault(settings.lease(), SingleFlights.DEFAULT_LEASE),
                            orDefault(settings.pollInterval(), SingleFlights.DEFAULT_POLL_INTERVAL),
                            orDefault(settings.heartbeat(), SingleFlights.DEFAULT_HEARTBEAT)));
        } catch (UsageConfigurationException e) {
            store.close();
            throw e;
        }
    }

    private static Duration orDefault(@Nullable Duration given, Duration byDefault) {
        return Objects.requireNonNullElse(given, byDefault);
    }

    /**
     * The threads that run the cache's statements, which start with the first call and end after some time without any. Not an {@link
     * java.util.concurrent.Executor}: a bean of that type would keep Spring Boot from creating the host's.
     */
    static final class Threads implements DisposableBean {

        private static final int MOST = 100;

        /** Calls that wait here have a deadline, after which they aren't begun. */
        private static final int MOST_QUEUED = 10_000;

        private static final long IDLE_SECONDS = 60;

        final ThreadPoolExecutor pool;

        Threads(int threads) {
            if (threads < 1 || threads > MOST) {
                throw Knobs.wrong(PREFIX + ".threads", "must be between 1 and " + MOST + ", but was " + threads, null);
            }
            pool = new ThreadPoolExecutor(
                    threads,
                    threads,
                    IDLE_SECONDS,
                    TimeUnit.SECONDS,
                    new LinkedBlockingQueue<>(MOST_QUEUED),
                    Threads::create);
            pool.allowCoreThreadTimeOut(true);
        }

        /** Without the {@link InheritableThreadLocal}s of the caller that happens to come first, such as a tenant. */
        private static Thread create(Runnable task) {
            Thread thread = new Thread(null, task, "usage-postgres-cache", 0, false);
            thread.setDaemon(true);
            thread.setContextClassLoader(Threads.class.getClassLoader());
            return thread;
        }

        /** Ends the threads: the service is closed by then, and what still runs ends by its deadline. */
        @Override
        public void destroy() {
            pool.shutdown();
        }
    }
}
