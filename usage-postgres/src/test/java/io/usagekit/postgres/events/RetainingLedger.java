package io.usagekit.postgres.events;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.events.Duplicates;
import io.usagekit.events.EventRepository;
import io.usagekit.events.Project;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.List;

/** A ledger with the projects {@code p} and {@code q}, which counts no duplicates, and roll-ups whose retention retains ids for 30 days. */
record RetainingLedger(PartitionedLedger tables, EventRepository ledger, PostgresRollups rollups) {

    private static final UsageKey FIGURE = new UsageKey("org-1", UsagePeriod.month(YearMonth.of(2026, 3)));

    static RetainingLedger install() {
        PartitionedLedger tables = PartitionedLedger.install("retained_ids");
        PostgresRollups rollups = PostgresRollups.builder(Database.pool())
                .mapping(TableMapping.usagekit(tables.schema()))
                .clock(ManualClock.at(day(PartitionedLedger.DAYS).toString()))
                .build();
        rollups.install();
        EventRepository ledger = PostgresLedger.builder(Database.pool())
                .schema(tables.schema())
                .duplicates(Duplicates.UNBILLED)
                .build()
                .repository();
        ledger.save(new Project("q", "org-1", ""));
        RetainingLedger installed = new RetainingLedger(tables, ledger, rollups);
        installed.retainIdsFor(Duration.ofDays(30));
        return installed;
    }

    void drop() {
        rollups.removeWithRetained();
        tables.drop();
    }

    void retainIdsFor(Duration duration) {
        PostgresLedger.builder(Database.pool())
                .schema(tables.schema())
                .retainIds(duration)
                .build()
                .install();
    }

    static Instant day(int day) {
        return PartitionedLedger.FIRST.plus(Duration.ofDays(day));
    }

    void deleteBefore(int day) {
        rollups.deleteBefore(day(day), new RetentionProgress() {});
    }

    List<String> retained() {
        return Database.column("select role || ' ' || id from " + tables.table("retained_ids") + " order by 1");
    }

    /** How many events the figure of March has. */
    long received() {
        return rollups.calculator()
                .calculate(FIGURE, Duration.ofSeconds(30))
                .received()
                .volume();
    }
}
