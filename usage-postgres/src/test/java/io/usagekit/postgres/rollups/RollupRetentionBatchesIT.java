package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.postgres.testing.Database;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** How many batches retention takes where planning a batch takes longer than a batch should take. */
@Tag("thorough")
class RollupRetentionBatchesIT {

    private static final int ROWS = 3_000;
    private static final int PARTITIONS = 60;

    /** Less than a batch takes to plan over the partitions. */
    private static final Duration TARGET = Duration.ofMillis(4);

    private static final RetentionDeleter.Pace PACE =
            new RetentionDeleter.Pace(50, 10_000, TARGET, Duration.ofMillis(100), Duration.ofMinutes(1));

    @Test
    void batchesStayLargeWhereTheCostIsFixed() throws SQLException {
        try (RollupFixture fixture = RollupFixture.tables(Database.pool(), Database.newSchema("batches"))) {
            fixture.run(
                    "drop table {s}.events, {s}.event_deliveries",
                    "create table {s}.events (id varchar, project_id varchar, raw text not null default '',"
                            + " data bytea not null default '', created_at timestamptz, deleted_at timestamptz)"
                            + " partition by range (created_at)",
                    "create table {s}.event_deliveries (id varchar, project_id varchar, event_id varchar, status text,"
                            + " created_at timestamptz) partition by range (created_at)",
                    "create index on {s}.events (project_id, created_at)",
                    "create index on {s}.events (id)",
                    "create index on {s}.event_deliveries (project_id, created_at)",
                    "create index on {s}.event_deliveries (event_id)");
            for (int day = 0; day < PARTITIONS; day++) {
                fixture.run(
                        "create table {s}.e" + day + range("events", day),
                        "create table {s}.d" + day + range("event_deliveries", day));
            }
            fixture.run(
                    "insert into {s}.events (id, project_id, raw, created_at) select 'e' || i, 'p', 'seven b',"
                            + " timestamptz '2026-01-01Z' + i * interval '1 minute' from generate_series(1, " + ROWS
                            + ") i",
                    "insert into {s}.event_deliveries select 'd' || i, 'p', 'e' || i, 'Success',"
                            + " timestamptz '2026-01-01Z' + i * interval '1 minute' from generate_series(1, " + ROWS
                            + ") i",
                    "analyze {s}.events",
                    "analyze {s}.event_deliveries");
            fixture.rollups.install();
            AtomicInteger batches = new AtomicInteger();
            RetentionProgress counted = new RetentionProgress() {
                @Override
                public void deleted(long deliveries, long events) {
                    batches.incrementAndGet();
                }
            };
            RetentionResult result = new RetentionDeleter(Database.pool(), fixture.sql(), Set.of(), counted, PACE)
                    .deleteBefore(Instant.parse("2026-03-01T00:00:00Z"));
            assertThat(result.deliveries()).isEqualTo(ROWS);
            assertThat(result.events()).isEqualTo(ROWS);
            System.out.println("RollupRetentionBatchesIT: " + batches + " batches of " + 2 * ROWS + " rows");
            assertThat(batches).as("batches of %d rows", 2 * ROWS).hasValueLessThan(1_000);
        }
    }

    private static String range(String table, int day) {
        return " partition of {s}." + table + " for values from (timestamptz '2026-01-01Z' + " + day
                + " * interval '1 day') to (timestamptz '2026-01-01Z' + " + (day + 1) + " * interval '1 day')";
    }
}
