package io.usagekit.clickhouse;

import static io.usagekit.clickhouse.Cells.DAY;
import static io.usagekit.clickhouse.Cells.TIMEOUT;
import static io.usagekit.clickhouse.Cells.hour;
import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.rollups.spi.CellProject;
import io.usagekit.postgres.rollups.spi.CellReader;
import io.usagekit.postgres.rollups.spi.CellStore;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.ShippedDay;
import io.usagekit.postgres.rollups.spi.Watermark;
import io.usagekit.testkit.ManualClock;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** What reads of one month cost on two shards, whose tables have many: counters of the servers, no times. */
@Tag("thorough")
class ClickHousePlanIT {

    private static final Instant AS_OF = hour(DAY, 25);

    @RegisterExtension
    private static final TestCluster cluster = TestCluster.own();

    private String database;
    private ClickHouseUsage usage;
    private CellStore store;
    private CellReader reader;

    @BeforeEach
    void install() {
        database = cluster.install();
        usage = cluster.usage(database, ManualClock.at(AS_OF));
        store = usage.store();
        reader = usage.reader();
    }

    /** A month is a part of each shard's table, and a project is in one or two of its granules, of 8,192 rows. */
    @Test
    void readsTheRowsOfTheProjectsAndMonthsThatAreAskedForOnly() {
        cluster.execute(
                0,
                "insert into " + database + ".cell select concat('p-', toString(number % 1000)), "
                        + hour(DAY, 0).getEpochSecond() + " + 3600 * intDiv(number, 1000), 1, 1, 1, 1, 1, 0, 0"
                        + " from numbers(360000) settings distributed_foreground_insert = 1");
        mergeParts("cell_local");
        LocalDate end = DAY.plusDays(3);
        assertReadsLittle(List.of(new ProjectDays("p-7", DAY, end)));
        assertReadsLittle(
                List.of(new ProjectDays("p-7", DAY, DAY.plusDays(1)), new ProjectDays("p-7", DAY.plusDays(2), end)));
    }

    private void assertReadsLittle(List<ProjectDays> days) {
        long parts = event("SelectedParts");
        long marks = event("SelectedMarks");
        assertThat(reader.read(1, days, TIMEOUT)).containsOnlyKeys("p-7");
        assertThat(event("SelectedParts") - parts).as("parts of both shards").isBetween(1L, 2L);
        assertThat(event("SelectedMarks") - marks).as("granules of both shards").isBetween(1L, 4L);
    }

    /** A server has statistics of merged parts, and would load those of each month to find the order of two conditions. */
    @Test
    void loadsNoStatisticsOfTheMonths() {
        for (int month = 0; month < 3; month++) {
            LocalDate day = DAY.minusMonths(month);
            store.insertCells(1, Cells.oneEventAnHour(2, day));
            store.insertDays(1, List.of(new ShippedDay("p-0", day, 24), new ShippedDay("p-1", day, 24)));
        }
        store.insertProjects(1, List.of(project(0), project(1)));
        store.publish(new Watermark(1, AS_OF, hour(DAY, 0), hour(DAY, 24), 1, new Watermark.Projects(1, 2)));
        mergeParts("cell_local");
        mergeParts("day_local");
        UsageKey key = new UsageKey("org", UsagePeriod.between(hour(DAY, 0), hour(DAY, 24)));
        ClickHouseHistory history = usage.history(Duration.ofHours(2));
        LocalDate next = DAY.plusDays(1);
        List<ProjectDays> apart =
                List.of(new ProjectDays("p-0", DAY, next), new ProjectDays("p-1", DAY, next.plusDays(1)));
        long before = statistics();

        assertThat(reader.read(1, Cells.days(2, DAY, next), TIMEOUT)).hasSize(2);
        assertThat(statistics()).as("one range").isEqualTo(before);
        assertThat(reader.read(1, apart, TIMEOUT)).hasSize(2);
        assertThat(statistics()).as("ranges of their own").isEqualTo(before);
        assertThat(history.calculate(key, TIMEOUT).received().volume()).isEqualTo(48);
        assertThat(statistics()).as("shards alone").isEqualTo(before);

        cluster.query(0, "select sum(received_bytes) from " + database + ".cell where version <= 1 and hour >= 0");
        assertThat(statistics()).as("a read that doesn't state it").isGreaterThan(before);
    }

    /** Returns how long loading statistics has taken, in microseconds. */
    private long statistics() {
        return event("LoadedStatisticsMicroseconds");
    }

    private static CellProject project(int number) {
        return new CellProject("p-" + number, Optional.of("org"), true);
    }

    /** What each shard does by itself sooner or later. */
    private void mergeParts(String table) {
        for (int shard = 0; shard < 2; shard++) {
            cluster.execute(shard, "optimize table " + database + "." + table + " final");
        }
    }

    /** Returns how often, or for how long, it has happened on both shards. */
    private long event(String name) {
        return IntStream.range(0, 2)
                .mapToLong(shard -> Long.parseLong(
                        cluster.query(shard, "select sum(value) from system.events where event = '" + name + "'")
                                .get(0)))
                .sum();
    }
}
