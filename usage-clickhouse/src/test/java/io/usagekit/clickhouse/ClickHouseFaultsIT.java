package io.usagekit.clickhouse;

import static io.usagekit.clickhouse.Cells.DAY;
import static io.usagekit.clickhouse.Cells.TIMEOUT;
import static io.usagekit.clickhouse.Cells.sums;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.rollups.spi.CellReader;
import io.usagekit.postgres.rollups.spi.CellStore;
import io.usagekit.postgres.rollups.spi.CellSums;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.ShippedUsage;
import io.usagekit.postgres.rollups.spi.UsageCell;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Shards that are killed, come back without rows, or hold rows of a former sharding key; profiles that would make a part pass for the whole.
 * What a setting or a condition prevents happens where it is left out.
 */
@Tag("thorough")
class ClickHouseFaultsIT {

    private static final int PROJECTS = 20;
    private static final List<ProjectDays> DAYS = Cells.days(PROJECTS, DAY, DAY.plusDays(1));
    private static final ShippedUsage ALL = new ShippedUsage(sums(PROJECTS * 24), PROJECTS * 24);

    /** A cluster for each test: a query that a profile cuts off may end a server of the embedded engine a moment later. */
    @RegisterExtension
    private final TestCluster cluster = TestCluster.own();

    private String database;
    private CellStore store;
    private CellReader reader;

    @BeforeEach
    void install() {
        database = cluster.install();
        ClickHouseUsage usage = cluster.usage(database);
        store = usage.store();
        reader = usage.reader();
        store.insertCells(1, Cells.oneEventAnHour(PROJECTS, DAY));
    }

    private static ShippedUsage total(CellReader reader, long version) {
        return reader.read(version, DAYS, TIMEOUT).values().stream()
                .reduce(
                        ShippedUsage.NONE,
                        (one, other) ->
                                new ShippedUsage(one.sums().plus(other.sums()), one.versions() + other.versions()));
    }

    /** A reader whose statement lacks what matches, under a profile with these settings. */
    private CellReader without(String regex, String... profile) {
        SqlFile.Statement sums = cluster.usage(database).statements().statement("sums", Map.of("in-ranges", ""));
        String weakened = sums.sql().replaceFirst(regex, "");
        assertThat(weakened).isNotEqualTo(sums.sql());
        SqlFile.Statement flawed = new SqlFile.Statement(weakened, sums.parameters());
        return new ClickHouseCellReader(new ClickHouseJdbc(cluster.dataSource(0, profile(profile))), flawed, flawed);
    }

    private static Properties profile(String... settings) {
        Properties profile = new Properties();
        for (String setting : settings) {
            profile.setProperty(
                    "clickhouse_setting_" + setting.replaceFirst("=.*", ""), setting.replaceFirst(".*=", ""));
        }
        return profile;
    }

    private ClickHouseUsage under(String... profile) {
        return cluster.usage(cluster.dataSource(0, profile(profile)), database);
    }

    @Test
    void neverReturnsAPartWhileAShardIsAway() {
        assertThat(total(reader, 1)).isEqualTo(ALL);
        cluster.shards().kill(1);
        try {
            for (int i = 0; i < 20; i++) {
                assertThatThrownBy(() -> total(reader, 1))
                        .isInstanceOfSatisfying(
                                UsageCalculationException.class,
                                e -> assertThat(e.isTransient()).isTrue())
                        .hasMessageContaining("ALL_CONNECTION_TRIES_FAILED");
            }
            assertThatThrownBy(() -> total(under("skip_unavailable_shards=1").reader(), 1))
                    .isInstanceOf(UsageCalculationException.class);
            assertThat(total(without("skip_unavailable_shards = 0,", "skip_unavailable_shards=1"), 1)
                            .sums()
                            .receivedVolume())
                    .as("without the setting")
                    .isBetween(1L, PROJECTS * 24 - 1L);

            assertThatThrownBy(() -> store.insertCells(2, Cells.oneEventAnHour(PROJECTS, DAY)))
                    .isInstanceOf(UsageStorageException.class)
                    .hasMessageStartingWith("480 cells can't be inserted into ClickHouse: ");
            assertThatThrownBy(() -> store.publish(Cells.watermark(2, Instant.EPOCH, Instant.EPOCH)))
                    .isInstanceOf(UsageStorageException.class)
                    .hasMessageStartingWith("version 2 can't be published on shard 2 of ClickHouse: ");
            assertThatThrownBy(store::highestVersion).isInstanceOf(UsageStorageException.class);
        } finally {
            cluster.shards().restart(1);
        }
        assertThat(total(reader, 1)).as("the shard is back").isEqualTo(ALL);
        store.insertCells(3, Cells.oneEventAnHour(PROJECTS, DAY));
        assertThat(total(reader, 3)).isEqualTo(new ShippedUsage(ALL.sums(), 3 * ALL.versions()));
    }

    @Test
    void failsAsOneCallWhileTheServerThatItConnectsToIsAway() {
        cluster.shards().kill(0);
        try {
            assertThatThrownBy(() -> total(reader, 1)).isInstanceOf(UsageCalculationException.class);
            assertThatThrownBy(() -> store.insertCells(2, Cells.oneEventAnHour(1, DAY)))
                    .isInstanceOf(UsageStorageException.class);
        } finally {
            cluster.shards().restart(0);
        }
        assertThat(total(reader, 1)).isEqualTo(ALL);
    }

    @Test
    void needsAProfileInWhichReadersMayStateSettings() {
        assertThat(total(under("readonly=2").reader(), 1)).isEqualTo(ALL);

        assertThatThrownBy(() -> total(under("readonly=1").reader(), 1))
                .isInstanceOfSatisfying(
                        UsageCalculationException.class,
                        e -> assertThat(e.isTransient()).isFalse())
                .hasMessageContaining("in readonly mode");
    }

    @Test
    void readsAllRowsWhateverTheProfileSays() {
        assertThat(total(under("limit=3").reader(), 1)).isEqualTo(ALL);
        assertThat(total(without("limit = 0,", "limit=3"), 1)).isNotEqualTo(ALL);

        String[] cut = {"max_rows_to_group_by=5", "group_by_overflow_mode=any"};
        assertThatThrownBy(() -> total(under(cut).reader(), 1))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContaining("TOO_MANY_ROWS");
    }

    /** What a profile cuts off is an error where the statement's setting stands, and passes for all where it is left out. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "offset = 0,|offset=3",
                "read_overflow_mode = 'throw',|max_rows_to_read=5 read_overflow_mode=break",
                "set_overflow_mode = 'throw',|max_rows_in_set=1 set_overflow_mode=break"
            })
    void returnsNoPartWhateverTheProfileSays(String setting, String profile) {
        Optional<ShippedUsage> guarded =
                totalUnlessRefused(under(profile.split(" ")).reader());
        assertThat(guarded.orElse(ALL)).isEqualTo(ALL);
        assertThat(totalUnlessRefused(without(setting, profile.split(" "))))
                .as("without the setting")
                .hasValueSatisfying(part -> assertThat(part).isNotEqualTo(ALL));
    }

    private static Optional<ShippedUsage> totalUnlessRefused(CellReader reader) {
        try {
            return Optional.of(total(reader, 1));
        } catch (UsageCalculationException e) {
            return Optional.empty();
        }
    }

    @Test
    void insertsIntoAllShardsBeforeItReturnsWhateverTheProfileSays() {
        CellStore other = under(
                        "async_insert=1",
                        "wait_for_async_insert=0",
                        "async_insert_busy_timeout_max_ms=60000",
                        "async_insert_busy_timeout_min_ms=60000",
                        "distributed_foreground_insert=0",
                        "max_partitions_per_insert_block=1")
                .store();
        List<UsageCell> months = new ArrayList<>(Cells.oneEventAnHour(PROJECTS, DAY));
        months.addAll(Cells.oneEventAnHour(PROJECTS, DAY.plusMonths(1)));

        for (int version = 2; version < 12; version++) {
            other.insertCells(version, months);
            assertThat(total(reader, version)).isEqualTo(new ShippedUsage(ALL.sums(), version * ALL.versions()));
        }
    }

    @Test
    void mergesRowsOfAFormerShardingKey() {
        // Both shards have rows of each hour, and a different one has the newest.
        for (int shard = 0; shard < 2; shard++) {
            cluster.execute(
                    shard,
                    "create or replace table " + database + ".cell as " + database + ".cell_local engine = Distributed("
                            + cluster.name() + ", " + database + ", cell_local, cityHash64(project) + 1)");
        }
        store.insertCells(2, Cells.oneEventAnHour(PROJECTS, DAY));
        assertThat(total(reader, 2)).isEqualTo(new ShippedUsage(ALL.sums(), 2 * ALL.versions()));

        String[] groups = {"optimize_skip_unused_shards=1", "optimize_distributed_group_by_sharding_key=1"};
        assertThat(total(under(groups).reader(), 2)).isEqualTo(new ShippedUsage(ALL.sums(), 2 * ALL.versions()));
        assertThat(total(under("distributed_group_by_no_merge=1").reader(), 2).sums())
                .isEqualTo(ALL.sums());
        assertThat(total(
                                without(
                                        "optimize_skip_unused_shards = 0,\\s+optimize_distributed_group_by_sharding_key = 0,",
                                        groups),
                                2)
                        .sums())
                .as("without the settings, the newest row of each shard counts")
                .isNotEqualTo(ALL.sums());
        assertThat(total(without("distributed_group_by_no_merge = 0,", "distributed_group_by_no_merge=1"), 2)
                        .sums())
                .isNotEqualTo(ALL.sums());
    }

    @Test
    void showsByTheVersionsThatRowsAreMissing() {
        store.insertCells(2, List.of(Cells.cell("p-3", Cells.hour(DAY, 7), 1)));
        assertThat(total(reader, 2)).isEqualTo(new ShippedUsage(ALL.sums(), ALL.versions() + 1));

        for (int shard = 0; shard < 2; shard++) {
            cluster.execute(
                    shard,
                    "alter table " + database + ".cell_local delete where version = 2 settings mutations_sync = 2");
        }
        assertThat(total(reader, 2))
                .as("the newest version of an hour is lost: the sums are equal, the versions aren't")
                .isEqualTo(ALL);

        cluster.execute(1, "truncate table " + database + ".cell_local");
        CellSums left = total(reader, 2).sums();
        assertThat(left.receivedVolume())
                .as("a shard is back with empty tables")
                .isLessThan(PROJECTS * 24);
        assertThat(total(reader, 2).versions()).isEqualTo(left.receivedVolume());
    }
}
