package io.usagekit.spring;

import io.usagekit.UsageException;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.events.PostgresLedger;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.spring.UsageProperties.Install;
import java.time.Duration;
import java.util.Optional;
import javax.sql.DataSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** What {@code usagekit.install} asks for, done before any other bean reads the tables. */
final class UsageInstallation {

    /** The group of properties of the tables that the command line installs. */
    private static final String TABLES = "tables";

    private static final Logger LOG = LoggerFactory.getLogger(UsageInstallation.class);
    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final String PROPERTY = UsageProperties.PREFIX + ".install";

    private final DataSource dataSource;
    private final TableMapping mapping;
    private final Optional<PostgresRollups> rollups;
    private final Optional<RollupFeed> feed;
    private final Optional<PostgresLedger> ledger;

    UsageInstallation(
            DataSource dataSource,
            TableMapping mapping,
            Optional<PostgresRollups> rollups,
            Optional<RollupFeed> feed,
            Optional<PostgresLedger> ledger) {
        this.dataSource = dataSource;
        this.mapping = mapping;
        this.rollups = rollups;
        this.feed = feed;
        this.ledger = ledger;
    }

    /**
     * Installs or validates.
     *
     * @throws UsageConfigurationException if the tables don't fit, something is missing, or installing fails
     */
    void run(Install install) {
        apply(install, TABLES, "the schema " + mapping.schema(), this::validate, this::install);
    }

    /**
     * Installs or validates the tables of one place. A database that can't be reached doesn't fail a validation: figures are served from the cache, or
     * computed without it, until it is back.
     *
     * @param group of properties that name what is in the place
     * @param place a schema, or a database of ClickHouse
     * @throws UsageConfigurationException if validating or installing fails
     */
    static void apply(Install install, String group, String place, Runnable validating, Runnable installing) {
        try {
            switch (install) {
                case NEVER -> {}
                case VALIDATE -> validating.run();
                case ALWAYS -> installing.run();
            }
        } catch (UsageException e) {
            if (install == Install.VALIDATE && e.isTransient()) {
                LOG.warn("the tables in {} couldn't be validated: {}", place, e.getMessage());
                return;
            }
            throw new UsageConfigurationException(
                    PROPERTY + " is " + Knobs.lower(install) + ", and the tables in " + place + " can't be used: "
                            + e.getMessage(),
                    install == Install.ALWAYS
                            ? "Correct what the message names; its role needs the privileges of docs/privileges.md."
                            : "Correct " + UsageProperties.PREFIX + "." + group
                                    + " or the tables, or create what is missing: set " + PROPERTY + "=always, or run "
                                    + (group.equals(TABLES) ? "'usage install' or " : "")
                                    + "the script of ddl() with the deployment.",
                    e);
        }
    }

    private void validate() {
        PostgresUsage.indexes(
                dataSource,
                mapping); // fails where the mapping doesn't fit; what is missing is logged by the calculator
        if (rollups.isPresent() && rollups.get().status().isEmpty()) {
            throw UsageStorageException.permanent(
                    "there are no roll-ups of this version and mapping in the schema "
                            + rollups.get().schema(),
                    null);
        }
        if (feed.isPresent() && feed.get().status(TIMEOUT).isEmpty()) {
            throw UsageStorageException.permanent(
                    "there is no feed of the roll-ups in the schema "
                            + feed.get().schema(),
                    null);
        }
        ledger.ifPresent(it -> it.repository().find("usagekit", "validation")); // fails where a column is missing
    }

    private void install() {
        if (mapping.isNullInLiveRows()) {
            PostgresUsage.install(dataSource, mapping.schema());
        }
        ledger.ifPresent(PostgresLedger::install);
        PostgresUsage.installIndexes(dataSource, mapping);
        rollups.ifPresent(PostgresRollups::install);
        feed.ifPresent(RollupFeed::install);
    }
}
