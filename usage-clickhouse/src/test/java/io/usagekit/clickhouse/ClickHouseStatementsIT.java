package io.usagekit.clickhouse;

import static io.usagekit.clickhouse.Cells.DAY;
import static io.usagekit.clickhouse.Cells.TIMEOUT;
import static io.usagekit.clickhouse.Cells.cell;
import static io.usagekit.clickhouse.Cells.hour;
import static io.usagekit.clickhouse.Cells.sums;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.rollups.spi.CellProject;
import io.usagekit.postgres.rollups.spi.CellReader;
import io.usagekit.postgres.rollups.spi.CellStore;
import io.usagekit.postgres.rollups.spi.CellSums;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.ShippedDay;
import io.usagekit.postgres.rollups.spi.ShippedUsage;
import io.usagekit.postgres.rollups.spi.UsageCell;
import io.usagekit.postgres.rollups.spi.Watermark;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Each statement on two shards: what it inserts and what it returns. */
@Tag("thorough")
class ClickHouseStatementsIT {

    @RegisterExtension
    private static final TestCluster cluster = TestCluster.shared();

    private String database;
    private ClickHouseUsage usage;
    private CellStore store;
    private CellReader reader;

    @BeforeEach
    void install() {
        database = cluster.install();
        usage = cluster.usage(database);
        store = usage.store();
        reader = usage.reader();
    }

    @Test
    void installsAgainWithoutChangingAnything() {
        store.insertCells(1, Cells.oneEventAnHour(1, DAY));

        usage.install();

        assertThat(store.highestVersion()).isEqualTo(1);
    }

    @Test
    void returnsTheHighestVersionOfAnyTable() {
        assertThat(store.highestVersion()).isZero();

        store.insertCells(3, Cells.oneEventAnHour(10, DAY));
        assertThat(store.highestVersion()).isEqualTo(3);

        store.insertProjects(4, List.of(new CellProject("p-1", Optional.of("org-1"), true)));
        assertThat(store.highestVersion()).isEqualTo(4);

        store.insertDays(5, List.of(new ShippedDay("p-1", DAY, 72)));
        assertThat(store.highestVersion()).isEqualTo(5);

        store.publish(Cells.watermark(6, Instant.EPOCH, hour(DAY, 3)));
        assertThat(store.highestVersion()).isEqualTo(6);
    }

    @Test
    void readsRangesOfDaysOfManyProjects() {
        store.insertCells(7, Cells.oneEventAnHour(100, DAY));
        store.insertCells(8, Cells.oneEventAnHour(100, DAY.plusDays(1)));
        store.insertCells(9, Cells.oneEventAnHour(100, DAY.plusDays(2)));
        List<ProjectDays> days = new ArrayList<>(Cells.days(90, DAY, DAY.plusDays(1)));
        days.addAll(Cells.days(50, DAY.plusDays(2), DAY.plusDays(9)));
        days.add(new ProjectDays("p-95", DAY.minusDays(5), DAY.plusDays(3)));
        days.add(new ProjectDays("unknown", DAY, DAY.plusDays(3)));

        Map<String, ShippedUsage> read = reader.read(9, days, TIMEOUT);

        assertThat(read).hasSize(91).doesNotContainKey("unknown");
        for (int project = 0; project < 90; project++) {
            assertThat(read.get("p-" + project))
                    .isEqualTo(
                            project < 50
                                    ? new ShippedUsage(sums(48), 24 * (7 + 9))
                                    : new ShippedUsage(sums(24), 24 * 7));
        }
        assertThat(read.get("p-95")).isEqualTo(new ShippedUsage(sums(72), 24 * (7 + 8 + 9)));
        assertThat(cluster.query(0, "select count() from " + database + ".cell_local"))
                .as("both shards have rows")
                .isNotEqualTo(List.of("0"))
                .isNotEqualTo(List.of("7200"));
    }

    @Test
    void countsTheHighestVersionOfEachHourUpToTheOneThatIsAskedFor() {
        store.insertCells(1, List.of(cell("p", hour(DAY, 0), 5), cell("p", hour(DAY, 1), 7)));
        store.insertCells(2, List.of(cell("p", hour(DAY, 0), 4)));
        store.insertCells(3, List.of(cell("p", hour(DAY, 1), 0)));
        // Of an insert that was given up, and arrives late.
        store.insertCells(2, List.of(cell("p", hour(DAY, 1), 9)));

        assertThat(read(1)).isEqualTo(new ShippedUsage(sums(12), 2));
        assertThat(read(2)).isEqualTo(new ShippedUsage(sums(13), 4));
        assertThat(read(3)).isEqualTo(new ShippedUsage(sums(4), 5));
        assertThat(read(4)).isEqualTo(new ShippedUsage(sums(4), 5));
    }

    private ShippedUsage read(long version) {
        return reader.read(version, List.of(new ProjectDays("p", DAY, DAY.plusDays(1))), TIMEOUT)
                .getOrDefault("p", ShippedUsage.NONE);
    }

    @Test
    void keepsEachSumApart() {
        store.insertCells(1, List.of(new UsageCell("p", hour(DAY, 0), new CellSums(1, 2, 3, 4, 5, 6))));
        store.insertCells(1, List.of(new UsageCell("p", hour(DAY, 1), new CellSums(10, 20, 30, 40, 50, 60))));

        assertThat(read(1)).isEqualTo(new ShippedUsage(new CellSums(11, 22, 33, 44, 55, 66), 2));
    }

    @Test
    void rejectsSumsAbove64Bits() {
        UsageCell largest = new UsageCell("p", hour(DAY, 0), new CellSums(1, Long.MAX_VALUE, 0, 0, 0, 0));
        store.insertCells(1, List.of(largest));
        assertThat(read(1).sums()).isEqualTo(largest.sums());

        store.insertCells(1, List.of(new UsageCell("p", hour(DAY, 1), new CellSums(1, 1, 0, 0, 0, 0))));

        assertThatThrownBy(() -> read(1))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessage(
                        "the sums of 1 ranges of days in version 1 can't be read from ClickHouse: a sum exceeds 64 bits");
    }

    @Test
    void takesAnyIdAndHour() {
        List<String> ids =
                List.of("", " ", "it's", "a\\b\\", "\\'; drop", "?", ":version", "{database}", "ü\n\t", "\"`");
        List<LocalDate> days = List.of(
                LocalDate.of(1, 1, 1),
                LocalDate.of(1582, 10, 15),
                LocalDate.of(1969, 12, 31),
                LocalDate.of(2299, 12, 31),
                LocalDate.of(9_999, 12, 31));
        List<ProjectDays> asked = new ArrayList<>();
        List<UsageCell> cells = new ArrayList<>();
        for (String id : ids) {
            for (LocalDate day : days) {
                cells.add(cell(id, hour(day, 0), 1));
                cells.add(cell(id, hour(day, 23), 1));
                cells.add(cell(id, hour(day, 24), 1));
                asked.add(new ProjectDays(id, day, day.plusDays(1)));
            }
        }
        store.insertCells(2, cells);

        Map<String, ShippedUsage> read = reader.read(2, asked, TIMEOUT);

        assertThat(read).hasSize(ids.size());
        assertThat(read.values()).containsOnly(new ShippedUsage(sums(10), 20));
    }

    @ParameterizedTest
    @ValueSource(strings = {"ü", "漢", "😀", "'", "\\", "\n"})
    void readsLongListsOfIdsThatTakeMoreOctetsThanCharacters(String character) {
        List<String> ids = IntStream.range(0, 2_000)
                .mapToObj(i -> character.repeat(50) + i)
                .toList();
        store.insertCells(5, ids.stream().map(id -> cell(id, hour(DAY, 4), 2)).toList());
        List<ProjectDays> days = ids.stream()
                .map(id -> new ProjectDays(id, DAY, DAY.plusDays(1)))
                .toList();

        assertThat(reader.read(5, days, TIMEOUT)).containsOnlyKeys(ids);
    }

    @Test
    void insertsMoreRowsThanOneInsertHas() {
        List<UsageCell> cells = IntStream.range(0, ClickHouseCellStore.MOST_ROWS + 1)
                .mapToObj(i -> cell("p-0", hour(DAY, 0).plus(Duration.ofHours(i)), 1))
                .toList();
        store.insertCells(1, cells);

        assertThat(reader.read(1, List.of(new ProjectDays("p-0", DAY, DAY.plusDays(cells.size()))), TIMEOUT))
                .containsExactly(Map.entry("p-0", new ShippedUsage(sums(cells.size()), cells.size())));
    }

    @Test
    void readsLongListsInParts() {
        int projects = 2 * StatementParts.MOST_OCTETS / 90;
        store.insertCells(
                5,
                Cells.days(projects, DAY, DAY.plusDays(1)).stream()
                        .map(days -> cell(days.projectId(), hour(DAY, 4), 2))
                        .toList());
        List<ProjectDays> days = new ArrayList<>(Cells.days(projects, DAY, DAY.plusDays(1)));
        days.add(0, new ProjectDays("p-" + (projects - 1), DAY.minusDays(9), DAY));

        assertThat(reader.read(5, days, TIMEOUT))
                .hasSize(projects)
                .allSatisfy((project, read) -> assertThat(read).isEqualTo(new ShippedUsage(sums(2), 5)));
    }

    @Test
    void dividesDaysAtInstants() {
        store.insertCells(3, Cells.oneEventAnHour(3, DAY));
        store.insertCells(4, List.of(cell("p-1", hour(DAY, 5), 10)));
        Instant withinAnHour = hour(DAY, -1).plusNanos(1_500_000_000);

        assertThat(reader.read(
                        4,
                        Cells.days(2, DAY, DAY.plusDays(1)),
                        List.of(withinAnHour, hour(DAY, 0), hour(DAY, 5), hour(DAY, 6), hour(DAY, 30)),
                        TIMEOUT))
                .containsOnly(
                        Map.entry("p-0", List.of(ShippedUsage.NONE, used(5, 15), used(1, 3), used(18, 54))),
                        Map.entry("p-1", List.of(ShippedUsage.NONE, used(5, 15), used(10, 4), used(18, 54))));
        assertThat(reader.read(
                        4,
                        List.of(new ProjectDays("p-2", DAY, DAY.plusDays(1))),
                        List.of(withinAnHour, hour(DAY, 24)),
                        TIMEOUT))
                .containsOnly(Map.entry("p-2", List.of(used(24, 72))));
    }

    private static ShippedUsage used(long volume, long versions) {
        return new ShippedUsage(sums(volume), versions);
    }

    /** The longest series, whose begins are part of each statement. */
    @Test
    void dividesTheDaysOfManyProjectsByTheHoursOfAYear() {
        List<String> ids =
                IntStream.range(0, 1_500).mapToObj(i -> "ü".repeat(50) + i).toList();
        store.insertCells(5, ids.stream().map(id -> cell(id, hour(DAY, 4), 2)).toList());
        LocalDate end = DAY.plusDays(366);
        List<Instant> edges = IntStream.rangeClosed(0, 366 * 24)
                .mapToObj(hour -> hour(DAY, hour))
                .toList();

        assertThat(reader.read(
                        5, ids.stream().map(id -> new ProjectDays(id, DAY, end)).toList(), edges, TIMEOUT))
                .containsOnlyKeys(ids)
                .allSatisfy((id, slices) ->
                        assertThat(slices).hasSize(366 * 24).element(4).isEqualTo(used(2, 5)));
    }

    @Test
    void insertsProjectsWithAndWithoutAnOrganisation() {
        store.insertProjects(
                1,
                List.of(
                        new CellProject("a", Optional.of("org'1"), true),
                        new CellProject("b", Optional.empty(), false),
                        new CellProject("c", Optional.of("org"), true, true)));

        assertThat(cluster.query(
                        1,
                        "select concat(project, ' ', toString(version), ' ', ifNull(organisation, 'none'), ' ', toString(counts), ' ', toString(is_missing)) from "
                                + database + ".project order by 1"))
                .containsExactly("a 1 org'1 true false", "b 1 none false false", "c 1 org true true");
    }

    @Test
    void publishesOnEachShard() {
        store.publish(new Watermark(
                6,
                Instant.parse("2026-03-02T00:00:00.123456789Z"),
                Instant.MIN,
                Instant.parse("2026-03-01T05:00:00Z"),
                2,
                new Watermark.Projects(3, 17)));

        for (int shard = 0; shard < 2; shard++) {
            assertThat(cluster.query(
                            shard,
                            "select concat(toString(version), ' ', toString(as_of), ' ', toString(covered_from), ' ',"
                                    + " toString(covered_before), ' ', toString(cells_from), ' ', toString(projects_from), ' ',"
                                    + " toString(projects)) from " + database + ".watermark_local"))
                    .containsExactly("6 1772409600123456 " + Instant.MIN.getEpochSecond() + " 1772341200 2 3 17");
        }
    }

    @Test
    void removesSupersededCellsThatNoReaderAsksFor() {
        for (int version = 1; version <= 4; version++) {
            store.insertCells(version, Cells.oneEventAnHour(20, DAY));
        }
        for (int version = 1; version <= 2; version++) {
            store.insertCells(version, Cells.oneEventAnHour(20, DAY.plusDays(1)));
        }
        store.insertCells(1, Cells.oneEventAnHour(20, DAY.plusMonths(1)));
        store.publish(Cells.watermark(2, Instant.EPOCH, Instant.EPOCH));
        store.publish(Cells.watermark(3, Instant.now().minus(Duration.ofHours(2)), Instant.EPOCH));
        store.publish(Cells.watermark(4, Instant.now(), Instant.EPOCH));

        for (int version = 1; version <= 4; version++) {
            store.insertDays(
                    version,
                    List.of(new ShippedDay("p-0", DAY, 24L * version), new ShippedDay("p-1", DAY, 24L * version)));
        }

        removeSuperseded(1);

        assertThat(cluster.query(1, "select distinct version from " + database + ".day order by 1"))
                .as("versions of days")
                .containsExactly("3", "4");
        assertThat(cluster.query(
                        0,
                        "select concat(toString(version), ' ', toString(count())) from " + database
                                + ".cell group by version order by version"))
                .as("those of a month that has no others stay, and the newest of each hour, however old")
                .containsExactly("1 480", "2 480", "3 480", "4 480");
        assertThat(cluster.query(1, "select distinct version from " + database + ".watermark order by 1"))
                .containsExactly("3", "4");
        for (long version = 3; version <= 4; version++) {
            assertThat(reader.read(version, Cells.days(20, DAY, DAY.plusDays(1)), TIMEOUT)
                            .values())
                    .hasSize(20)
                    .containsOnly(new ShippedUsage(sums(24), 24 * version));
        }
        removeSuperseded(0);
        assertThat(store.highestVersion()).isEqualTo(4);
    }

    @Test
    void removesNothingThatIsPartOfTheStateThatAllShardsHave() {
        for (int version = 1; version <= 2; version++) {
            store.insertCells(version, Cells.oneEventAnHour(20, DAY));
        }
        store.publish(Cells.watermark(1, Instant.EPOCH, Instant.EPOCH));
        store.publish(Cells.watermark(2, Instant.EPOCH, Instant.EPOCH));
        cluster.execute(
                1, "alter table " + database + ".watermark_local delete where version = 2 settings mutations_sync = 2");

        removeSuperseded(0);
        assertThat(reader.read(1, Cells.days(20, DAY, DAY.plusDays(1)), TIMEOUT))
                .hasSize(20);

        store.publish(Cells.watermark(2, Instant.EPOCH, Instant.EPOCH));
        removeSuperseded(1);
        assertThat(reader.read(1, Cells.days(20, DAY, DAY.plusDays(1)), TIMEOUT))
                .isEmpty();
    }

    private void removeSuperseded(int months) {
        for (int shard = 0; shard < 2; shard++) {
            assertThat(cluster.usage(cluster.dataSource(shard), database).removeSuperseded(Duration.ofHours(1), 10))
                    .isEqualTo(months);
        }
    }

    @Test
    void namesAClusterThatDoesNotExist() {
        ClickHouseUsage other = ClickHouseUsage.builder(cluster.dataSource(0))
                .database(database)
                .cluster("nowhere")
                .build();

        assertThatThrownBy(() -> other.store().publish(Cells.watermark(1, Instant.EPOCH, Instant.EPOCH)))
                .isInstanceOfSatisfying(
                        UsageStorageException.class,
                        e -> assertThat(e.isTransient()).isFalse())
                .hasMessage("the ClickHouse server has no cluster \"nowhere\" in system.clusters");
    }

    @Test
    void saysWhichErrorsNoRetryCures() {
        ClickHouseUsage missing = cluster.usage(cluster.dataSource(0), "missing");

        assertThatThrownBy(() -> missing.reader().read(1, Cells.days(1, DAY, DAY.plusDays(1)), TIMEOUT))
                .isInstanceOfSatisfying(
                        UsageCalculationException.class,
                        e -> assertThat(e.isTransient()).isFalse())
                .hasMessageContaining("the sums of 1 ranges of days in version 1 can't be read from ClickHouse: ")
                .hasMessageContaining("missing");
        assertThatThrownBy(() -> missing.store().highestVersion())
                .isInstanceOfSatisfying(
                        UsageStorageException.class,
                        e -> assertThat(e.isTransient()).isFalse());
    }
}
