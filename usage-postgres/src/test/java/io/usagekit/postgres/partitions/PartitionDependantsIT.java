package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.CombinedQuery;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RetentionProgress;
import io.usagekit.postgres.testing.Database;
import java.time.Instant;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Retention of partitioned tables with rows of other tables that refer to them, by triggers in place of foreign keys. */
class PartitionDependantsIT {

    private static final Instant JANUARY = Instant.parse("2026-01-01T00:00:00Z");
    private static final UsageKey YEAR = new UsageKey(
            "org-123",
            UsagePeriod.between(Instant.parse("2025-10-01T00:00:00Z"), Instant.parse("2026-09-01T00:00:00Z")));
    private static final RetentionProgress NO_PROGRESS = new RetentionProgress() {};

    private final PartitionFixture tables = PartitionFixture.create();
    private CombinedQuery.Totals figure;

    @BeforeEach
    void partition() {
        tables.run(
                "create table {s}.pins (event_id varchar constraint pinned references {s}.events, n int)",
                "create index on {s}.pins (event_id)",
                "insert into {s}.pins select id, n from {s}.events cross join generate_series(1, 2) n");
        tables.installRollups();
        tables.partitions().partition(PartitionInterval.MONTH, PartitionProgress.NONE);
        figure = tables.read(YEAR).raw();
    }

    @AfterEach
    void drop() {
        tables.close();
    }

    private PostgresPartitions allowing(String... dependants) {
        return tables.partitions(settings -> settings.rollups(PostgresRollups.builder(Database.pool())
                .mapping(tables.mapping)
                .clock(tables.clock)
                .deleteDependants(dependants)
                .build()));
    }

    @Test
    void deletesRowsThatReferToPartitionedEventsAlong() {
        assertThatThrownBy(() -> allowing().dropExpired(JANUARY, NO_PROGRESS))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining(
                        "In the way are the foreign key \"pinned\" of \"" + tables.schema + "\".\"pins\"");
        assertThat(tables.figure(YEAR)).isEqualTo(figure);
        PartitionExpiryResult expiry = allowing("pins").dropExpired(JANUARY, NO_PROGRESS);
        assertThat(expiry.dropped()).contains("events_p202511", "events_p202512");
        assertThat(expiry.retention().dependants())
                .isEqualTo(2 * expiry.retention().events());
        assertThat(tables.one("select count(*) from {s}.pins"))
                .isEqualTo(tables.one("select 2 * count(*) from {s}.events"));
        assertThat(tables.figure(YEAR)).isEqualTo(figure);
    }

    /** An id may stand in several partitions: rows refer to it until the last event with that id is deleted. */
    @Test
    void keepsRowsWhoseIdAnotherPartitionHasToo() {
        tables.run("insert into {s}.events (id, project_id, created_at) values ('e0', 'p', '2026-03-01Z')");
        figure = tables.read(YEAR).raw();
        PartitionExpiryResult expiry = allowing("pins").dropExpired(JANUARY, NO_PROGRESS);
        assertThat(expiry.retention().dependants())
                .isEqualTo(2 * (expiry.retention().events() - 1));
        assertThat(tables.one("select count(*) from {s}.pins where event_id = 'e0'"))
                .isEqualTo("2");
        assertThat(tables.figure(YEAR)).isEqualTo(figure);
    }
}
