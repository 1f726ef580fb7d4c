package io.usagekit.spring;

import io.usagekit.events.DeliveryRepository;
import io.usagekit.events.EventRepository;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.events.PostgresLedger;
import java.nio.charset.StandardCharsets;
import javax.sql.DataSource;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.autoconfigure.AutoConfiguration;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBean;
import org.springframework.boot.autoconfigure.condition.ConditionalOnBooleanProperty;
import org.springframework.boot.autoconfigure.condition.ConditionalOnMissingBean;
import org.springframework.boot.context.properties.EnableConfigurationProperties;
import org.springframework.context.annotation.Bean;

/**
 * Configures the event ledger over the library's own tables, where {@code usagekit.ledger.enabled} is set.
 *
 * @since 0.1
 */
@AutoConfiguration(after = UsagePostgresAutoConfiguration.class)
@ConditionalOnBooleanProperty(prefix = UsageProperties.PREFIX, name = "enabled", matchIfMissing = true)
@ConditionalOnBooleanProperty(prefix = UsageLedgerAutoConfiguration.PREFIX, name = "enabled")
@ConditionalOnBean(DataSource.class)
@EnableConfigurationProperties(UsageProperties.class)
public final class UsageLedgerAutoConfiguration {

    static final String PREFIX = UsageProperties.PREFIX + ".ledger";

    /** Creates the configuration. */
    public UsageLedgerAutoConfiguration() {}

    @Bean
    @ConditionalOnMissingBean
    PostgresLedger usageLedger(UsageProperties properties, UsageDatabase database, TableMapping mapping) {
        if (!mapping.isNullInLiveRows()) {
            throw new UsageConfigurationException(
                    PREFIX + ".enabled is true, but the tables in the schema " + mapping.schema()
                            + " aren't the library's own",
                    "Set " + UsageProperties.PREFIX + ".tables.preset=own, or remove " + PREFIX + ".enabled.");
        }
        UsageProperties.Ledger settings = properties.ledger();
        PostgresLedger.Builder builder = PostgresLedger.builder(database.dataSource())
                .schema(mapping.schema())
                .countDeletedProjects(properties.countDeletedProjects());
        Knobs.ifGiven(settings.duplicates(), builder::duplicates);
        Knobs.ifGiven(settings.timeout(), builder::timeout);
        Knobs.ifGiven(settings.retainIds(), builder::retainIds);
        String secret = settings.cursorSecret();
        if (secret != null) {
            if (secret.isEmpty()) {
                throw Knobs.wrong(PREFIX + ".cursor-secret", "must not be empty", null);
            }
            builder.cursorSecret(secret.getBytes(StandardCharsets.UTF_8));
        }
        return Knobs.named(PREFIX, UsageProperties.Ledger.class, builder::build);
    }

    @Bean
    @ConditionalOnMissingBean
    EventRepository usageEvents(PostgresLedger ledger, ObjectProvider<UsageInstallation> installation) {
        installation.ifAvailable(installed -> {}); // before the first event
        return ledger.repository();
    }

    @Bean
    @ConditionalOnMissingBean
    DeliveryRepository usageDeliveries(PostgresLedger ledger, ObjectProvider<UsageInstallation> installation) {
        installation.ifAvailable(installed -> {}); // before the first page
        return ledger.deliveries();
    }
}
