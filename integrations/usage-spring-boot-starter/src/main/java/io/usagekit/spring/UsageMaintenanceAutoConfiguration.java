package io.usagekit.spring;

import io.usagekit.postgres.FleetLock;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.partitions.CreateAheadResult;
import io.usagekit.postgres.partitions.PartitionExpiryResult;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.rollups.RetentionResult;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.LocalDate;
import java.util.Objects;
import javax.sql.DataSource;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnProperty;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Conditional;

/**
 * Configures partitions, and the jobs that create them ahead and delete old rows, where {@code usagekit.partitions.cron} and {@code
 * usagekit.retention.cron} say when.
 *
 * @since 0.1
 */
@AutoConfiguration(after = {UsagePostgresAutoConfiguration.class, UsageClickHouseAutoConfiguration.class})
@ConditionalOnBooleanProperty(prefix = UsageProperties.PREFIX, name = "enabled", matchIfMissing = true)
@ConditionalOnBean(DataSource.class)
@EnableConfigurationProperties(UsageProperties.class)
public final class UsageMaintenanceAutoConfiguration {

    private static final String PARTITIONS = UsageProperties.PREFIX + ".partitions";
    private static final String RETENTION = UsageProperties.PREFIX + ".retention";
    private static final Duration SHORTEST_KEEP = Duration.ofDays(1);
    private static final Duration LONGEST_KEEP = Duration.ofDays(36_525);

    /** Creates the configuration. */
    public UsageMaintenanceAutoConfiguration() {}

    @Bean
    @ConditionalOnMissingBean
    @ConditionalOnProperty(prefix = PARTITIONS, name = "cron")
    PostgresPartitions usagePartitions(
            UsageProperties properties,
            UsageDatabase database,
            TableMapping mapping,
            ObjectProvider<PostgresRollups> rollups) {
        UsageProperties.Partitions settings = properties.partitions();
        PostgresPartitions.Builder builder =
                PostgresPartitions.builder(database.dataSource()).mapping(mapping);
        Knobs.ifGiven(rollups.getIfAvailable(), builder::rollups);
        Knobs.ifGiven(settings.ahead(), builder::ahead);
        Knobs.ifGiven(settings.lockBudget(), builder::lockBudget);
        if (settings.createPublished()) {
            builder.createPublished();
        }
        return Knobs.named(PARTITIONS, UsageProperties.Partitions.class, builder::build);
    }

    @Bean
    @Conditional(MaintenanceSchedules.OfPartitions.class)
    MaintenanceJob usagePartitionsJob(
            UsageProperties properties, UsageDatabase database, TableMapping mapping, PostgresPartitions partitions) {
        UsageProperties.Partitions settings = properties.partitions();
        return new MaintenanceJob(
                "partitions",
                MaintenanceSchedules.parse(
                        PARTITIONS + ".cron", Objects.requireNonNull(settings.cron()), settings.zone()),
                FleetLock.of(database.dataSource(), "partitions in " + mapping.schema())::tryRun,
                stopped -> created(partitions.createAhead()));
    }

    /** Returns what creating partitions came to: it is incomplete if some couldn't be created. */
    static MaintenanceJob.Result created(CreateAheadResult result) {
        StringBuilder details = new StringBuilder("created " + result.created().size());
        if (!result.occupied().isEmpty()) {
            details.append(", not created since the default partition holds rows of their time: ")
                    .append(String.join(", ", result.occupied()));
        }
        if (!result.refused().isEmpty()) {
            details.append(", refused: ").append(String.join("; ", result.refused()));
        }
        return new MaintenanceJob.Result(
                result.occupied().isEmpty() && result.refused().isEmpty(), details.toString());
    }

    @Bean
    @Conditional(MaintenanceSchedules.OfRetention.class)
    MaintenanceJob usageRetentionJob(
            UsageProperties properties,
            UsageDatabase database,
            TableMapping mapping,
            ObjectProvider<PostgresRollups> rollups,
            ObjectProvider<PostgresPartitions> partitions,
            ObjectProvider<RetentionProgress> listeners) {
        UsageProperties.Retention settings = properties.retention();
        String cron = Objects.requireNonNull(settings.cron());
        Duration keep = settings.keep();
        if (keep == null || keep.compareTo(SHORTEST_KEEP) < 0 || keep.compareTo(LONGEST_KEEP) > 0) {
            throw Knobs.wrong(
                    RETENTION + ".keep",
                    "must be between " + SHORTEST_KEEP + " and " + LONGEST_KEEP + " where " + RETENTION + ".cron is "
                            + cron + (keep == null ? ", but wasn't given" : ", but was " + keep),
                    null);
        }
        PostgresRollups source = rollups.getIfAvailable();
        if (source == null) {
            throw new UsageConfigurationException(
                    RETENTION + ".cron is " + cron
                            + ", but there are no roll-ups, which keep what deleted rows counted",
                    "Set " + UsageProperties.PREFIX + ".calculator=rollups, or remove " + RETENTION + ".cron.");
        }
        PostgresPartitions parts = partitions.getIfAvailable();
        RetentionListeners progress =
                new RetentionListeners(listeners.orderedStream().toList());
        return new MaintenanceJob(
                "retention",
                MaintenanceSchedules.parse(RETENTION + ".cron", cron, settings.zone()),
                FleetLock.of(database.dataSource(), "retention in " + mapping.schema())::tryRun,
                stopped -> {
                    LocalDate day =
                            LocalDate.ofInstant(InstantSource.system().instant().minus(keep), settings.zone());
                    Instant before = day.atStartOfDay(settings.zone()).toInstant();
                    RetentionProgress all = progress.until(stopped);
                    return parts == null
                            ? deleted(day, source.deleteBefore(before, all))
                            : dropped(day, parts.dropExpired(before, all));
                });
    }

    private static MaintenanceJob.Result deleted(LocalDate day, RetentionResult result) {
        return new MaintenanceJob.Result(
                true,
                "deleted " + result.events() + " events and " + result.deliveries() + " deliveries before " + day);
    }

    private static MaintenanceJob.Result dropped(LocalDate day, PartitionExpiryResult result) {
        return new MaintenanceJob.Result(
                true,
                deleted(day, result.retention()).details() + ", dropped "
                        + result.dropped().size() + " partitions, kept "
                        + result.kept().size() + " that hold rows");
    }

    @Bean
    @ConditionalOnBean(MaintenanceJob.class)
    BackgroundLifecycle usageMaintenanceLifecycle(
            ObjectProvider<MaintenanceJob> jobs,
            ObjectProvider<UsageInstallation> installation,
            UsageScheduler scheduler) {
        installation.ifAvailable(installed -> {}); // before the first run
        return new BackgroundLifecycle(
                () -> jobs.forEach(job -> job.start(scheduler.get())), () -> jobs.forEach(MaintenanceJob::close));
    }
}
