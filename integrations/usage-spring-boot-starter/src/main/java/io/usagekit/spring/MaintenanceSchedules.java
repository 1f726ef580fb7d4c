package io.usagekit.spring;

import java.time.ZoneId;
import org.springframework.boot.autoconfigure.condition.ConditionMessage;
import org.springframework.boot.autoconfigure.condition.ConditionOutcome;
import org.springframework.boot.autoconfigure.condition.SpringBootCondition;
import org.springframework.context.annotation.ConditionContext;
import org.springframework.core.type.AnnotatedTypeMetadata;
import org.springframework.scheduling.annotation.Scheduled;
import org.springframework.scheduling.support.CronTrigger;
import org.springframework.scheduling.support.SimpleTriggerContext;
import org.springframework.util.StringUtils;

/** The schedules of jobs: cron expressions of Spring's form. */
final class MaintenanceSchedules {

    private MaintenanceSchedules() {}

    /**
     * Parses a schedule.
     *
     * @param property whose value the expression is
     * @throws UsageConfigurationException if it is none, or never fires
     */
    static CronTrigger parse(String property, String cron, ZoneId zone) {
        CronTrigger trigger;
        try {
            trigger = new CronTrigger(cron, zone);
        } catch (IllegalArgumentException e) {
            throw Knobs.wrong(
                    property,
                    "must be a cron expression of six fields such as 0 30 2 * * *, or - for none, but was \"" + cron
                            + "\": " + e.getMessage(),
                    e);
        }
        if (trigger.nextExecution(new SimpleTriggerContext()) == null) {
            throw Knobs.wrong(
                    property,
                    "must name a time that occurs, such as 0 30 2 * * *, or be - for none, but was \"" + cron
                            + "\", which never fires",
                    null);
        }
        return trigger;
    }

    /** Matches where a property has a cron expression. */
    abstract static class OnCron extends SpringBootCondition {

        private final String property;

        OnCron(String group) {
            this.property = UsageProperties.PREFIX + "." + group + ".cron";
        }

        @Override
        public ConditionOutcome getMatchOutcome(ConditionContext context, AnnotatedTypeMetadata metadata) {
            String cron = context.getEnvironment().getProperty(property);
            return new ConditionOutcome(
                    StringUtils.hasText(cron) && !cron.equals(Scheduled.CRON_DISABLED),
                    ConditionMessage.forCondition("Usagekit").because(property + " is " + cron));
        }
    }

    /** Matches where partitions are created on a schedule. */
    static final class OfPartitions extends OnCron {
        OfPartitions() {
            super("partitions");
        }
    }

    /** Matches where replaced cells are removed from ClickHouse on a schedule. */
    static final class OfPruning extends OnCron {
        OfPruning() {
            super("clickhouse.pruning");
        }
    }

    /** Matches where old rows are deleted on a schedule. */
    static final class OfRetention extends OnCron {
        OfRetention() {
            super("retention");
        }
    }
}
