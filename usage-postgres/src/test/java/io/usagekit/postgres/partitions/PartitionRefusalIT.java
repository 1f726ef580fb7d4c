package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageCalculationException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.testing.Database;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What can't be rebuilt is said, and stays as it is; also what happens to a table meanwhile. */
class PartitionRefusalIT extends PartitionSuite {

    @Test
    void aTableThatOthersDependOnIsRefusedByTheirNames() {
        scene.run(
                "create view {s}.recent as select * from {s}.events",
                "create rule quiet as on delete to {s}.event_deliveries do also nothing");
        assertThatThrownBy(() -> partitions.partition(PartitionInterval.DAY, NOBODY))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContaining("the table \"" + scene.schema
                        + "\".\"events\" can't be rebuilt: in its way are the view " + scene.schema + ".recent");
        scene.run("drop view {s}.recent");
        assertThatThrownBy(() -> partitions.partition(PartitionInterval.MONTH, NOBODY))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContaining("the rule quiet");
        scene.run("drop rule quiet on {s}.event_deliveries");
        partitions.partition(PartitionInterval.MONTH, NOBODY);
    }

    @Test
    void aTimeThatMayBeNullIsRefused() {
        scene.run("alter table {s}.events alter created_at drop not null");
        assertThatThrownBy(() -> partitions.partition(PartitionInterval.MONTH, NOBODY))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContaining("\"created_at\" may be null");
        assertThat(scene.one("select to_regnamespace('" + scene.schema + "_partitions') is null"))
                .isEqualTo("t");
    }

    @Test
    void tooManyPartitionsAreRefused() {
        scene.run("update {s}.events set created_at = '2001-01-01Z' where id = 'e1'");
        assertThatThrownBy(() -> partitions.partition(PartitionInterval.WEEK, NOBODY))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContaining("there would be more than 400 partitions of a WEEK");
    }

    @Test
    void badArgumentsAreNamed() {
        for (int ahead : List.of(0, 367)) {
            assertThatThrownBy(() -> PostgresPartitions.builder(Database.pool())
                            .ahead(ahead)
                            .build())
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("ahead must be 1 to 366, but was " + ahead);
        }
        assertThatThrownBy(() -> PostgresPartitions.of(Database.pool(), TableMapping.usagekit("s".repeat(53))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("must be at most 63 bytes")
                .hasMessageContaining("(64 bytes)");
    }

    @Test
    void twoAtOnceAreRefused() {
        PostgresPartitions outer = partitions(RewriteOptions.DEFAULT.probe(point -> {
            if (point == RewriteOptions.Point.CAUGHT_UP) {
                assertThatThrownBy(() -> partitions.unpartition(NOBODY))
                        .isInstanceOf(UsageCalculationException.class)
                        .hasMessageContaining("somebody else changes the partitions");
            }
        }));
        outer.partition(PartitionInterval.MONTH, NOBODY);
    }

    @Test
    void truncationIsRefusedMeanwhile() {
        PostgresPartitions watched = partitions(RewriteOptions.DEFAULT.probe(point -> {
            if (point == RewriteOptions.Point.CAUGHT_UP) {
                assertThat(scene.fails("truncate {s}.events, {s}.event_deliveries, {s}.notes"))
                        .startsWith("55006");
            }
        }));
        watched.partition(PartitionInterval.MONTH, NOBODY);
        watched.unpartition(NOBODY);
        scene.run("truncate {s}.events, {s}.event_deliveries, {s}.notes");
    }

    @Test
    void aTableThatIsAlteredMeanwhileIsNotReplaced() {
        boolean[] altered = {false};
        PostgresPartitions watched = partitions(RewriteOptions.DEFAULT.probe(point -> {
            if (point == RewriteOptions.Point.CAUGHT_UP && !altered[0]) {
                altered[0] = true;
                scene.run("alter table {s}.events add column more text");
            }
        }));
        assertThatThrownBy(() -> watched.partition(PartitionInterval.MONTH, NOBODY))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContaining("it was altered meanwhile (the column more)");
        watched.unpartition(NOBODY);
        watched.partition(PartitionInterval.MONTH, NOBODY);
        scene.run("insert into {s}.events (id, project_id, more) values ('more', 'p', 'more')");
    }

    @Test
    void anIndexThatIsBuiltMeanwhileIsBuiltThereToo() {
        boolean[] built = {false};
        PostgresPartitions watched = partitions(RewriteOptions.DEFAULT.probe(point -> {
            if (point == RewriteOptions.Point.COMPARED && !built[0]) {
                built[0] = true;
                scene.run("create index events_late on {s}.events (event_type)");
            }
        }));
        watched.partition(PartitionInterval.MONTH, NOBODY);
        assertThat(scene.one("select indisvalid from pg_index where indexrelid = '{s}.events_late'::regclass"))
                .isEqualTo("t");
    }
}
