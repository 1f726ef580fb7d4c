package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.testing.Database;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Tables that can't be rewritten are left as they are; and what happens to a table during its rewrite. */
class PartitionRefusalIT {

    private final PartitionFixture tables = PartitionFixture.create();
    private final PostgresPartitions partitions = tables.partitions();

    @AfterEach
    void drop() {
        tables.close();
    }

    @Test
    void rejectsATableWithDependentObjectsAndNamesThem() {
        tables.run(
                "create view {s}.recent as select * from {s}.events",
                "create rule quiet as on delete to {s}.event_deliveries do also nothing");
        assertThatThrownBy(() -> partitions.partition(PartitionInterval.DAY, PartitionProgress.NONE))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("cannot rewrite table \"" + tables.schema
                        + "\".\"events\": these would not survive it: the view " + tables.schema + ".recent");
        tables.run("drop view {s}.recent");
        assertThatThrownBy(() -> partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("the rule quiet");
        tables.run("drop rule quiet on {s}.event_deliveries");
        partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
    }

    @Test
    void rejectsATimeThatMayBeNull() {
        tables.run("alter table {s}.events alter created_at drop not null");
        assertThatThrownBy(() -> partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("\"created_at\" may be null");
        assertThat(tables.one("select to_regnamespace('" + tables.schema + "_partitions') is null"))
                .isEqualTo("t");
    }

    @Test
    void rejectsMoreThan400Partitions() {
        tables.run("update {s}.events set created_at = '2001-01-01Z' where id = 'e1'");
        assertThatThrownBy(() -> partitions.partition(PartitionInterval.WEEK, PartitionProgress.NONE))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("it would have more than 400 partitions of a WEEK");
    }

    @Test
    void rejectsSettingsOutOfBounds() {
        for (int ahead : List.of(0, 367)) {
            assertThatThrownBy(() -> PostgresPartitions.builder(Database.pool())
                            .ahead(ahead)
                            .build())
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("ahead must be 1 to 366, but was " + ahead);
        }
        assertThatThrownBy(() -> PostgresPartitions.builder(Database.pool())
                        .lockBudget(Duration.ofMillis(999))
                        .build())
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("lockBudget must be at least PT1S, but was PT0.999S");
        assertThatThrownBy(() -> PostgresPartitions.of(Database.pool(), TableMapping.usagekit("s".repeat(53))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("must be at most 63 bytes")
                .hasMessageContaining("(64 bytes)");
    }

    @Test
    void rejectsASecondCallWhileOneRuns() {
        PostgresPartitions outer = tables.partitions(settings -> settings.probe(point -> {
            if (point == RewriteProbe.Point.CAUGHT_UP) {
                assertThatThrownBy(() -> partitions.unpartition(PartitionProgress.NONE))
                        .isInstanceOf(UsageStorageException.class)
                        .hasMessageContaining("another session changes their partitions");
            }
        }));
        outer.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
    }

    @Tag("thorough")
    @Test
    void rejectsTruncateDuringARewriteOnly() {
        PostgresPartitions watched = tables.partitions(settings -> settings.probe(point -> {
            if (point == RewriteProbe.Point.CAUGHT_UP) {
                assertThat(tables.fails("truncate {s}.events, {s}.event_deliveries, {s}.notes"))
                        .startsWith("55006");
            }
        }));
        watched.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
        watched.unpartition(PartitionProgress.NONE);
        tables.run("truncate {s}.events, {s}.event_deliveries, {s}.notes");
    }

    @Tag("thorough")
    @Test
    void failsWhenTheTableIsAlteredDuringTheRewrite() {
        boolean[] altered = {false};
        PostgresPartitions watched = tables.partitions(settings -> settings.probe(point -> {
            if (point == RewriteProbe.Point.CAUGHT_UP && !altered[0]) {
                altered[0] = true;
                tables.run("alter table {s}.events add column more text");
            }
        }));
        assertThatThrownBy(() -> watched.partition(PartitionInterval.MONTH, PartitionProgress.NONE))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("it was altered during the rewrite (the column more)");
        watched.unpartition(PartitionProgress.NONE);
        watched.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
        tables.run("insert into {s}.events (id, project_id, more) values ('more', 'p', 'more')");
    }

    @Test
    void buildsAnIndexThatIsCreatedDuringTheRewrite() {
        boolean[] built = {false};
        PostgresPartitions watched = tables.partitions(settings -> settings.probe(point -> {
            if (point == RewriteProbe.Point.COMPARED && !built[0]) {
                built[0] = true;
                tables.run("create index events_late on {s}.events (event_type)");
            }
        }));
        watched.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
        assertThat(tables.one("select indisvalid from pg_index where indexrelid = '{s}.events_late'::regclass"))
                .isEqualTo("t");
    }
}
