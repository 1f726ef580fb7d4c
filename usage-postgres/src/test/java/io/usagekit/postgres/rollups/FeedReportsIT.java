package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.OrganisationUsage;
import io.usagekit.UsageCalculationException;
import io.usagekit.reports.UsageSeriesGranularity;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What series and reports take from the store, and what isn't believed. {@link RollupSlicesIT} has random data. */
class FeedReportsIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final Instant NINE = Instant.parse("2026-03-17T09:00:00Z");

    private FeedFixture fixture;

    @BeforeEach
    void create() {
        fixture = FeedFixture.shipped("feed_reports");
    }

    @AfterEach
    void drop() {
        fixture.close();
    }

    @ParameterizedTest
    @CsvSource({
        "HOUR, UTC, 31",
        "DAY, UTC, 31",
        "DAY, America/New_York, 31",
        "MONTH, Pacific/Apia, 31",
        "DAY, Asia/Kolkata, 0",
        "MONTH, Asia/Kolkata, 30"
    })
    void takesDaysThatNoEdgeDividesWithinAnHour(UsageSeriesGranularity granularity, String zone, long days) {
        assertSeries(granularity, zone);
        assertThat(fixture.daysFromStore).isEqualTo(days);
        assertThat(fixture.reports.byProject(FeedFixture.MARCH, TIMEOUT))
                .isEqualTo(fixture.of.rollups.byProject(FeedFixture.MARCH, TIMEOUT));
        assertThat(fixture.daysFromStore).isEqualTo(31);
        assertAll();
    }

    private void assertSeries(UsageSeriesGranularity granularity, String zone) {
        assertThat(fixture.reports.series(FeedFixture.MARCH, granularity, ZoneId.of(zone), TIMEOUT))
                .isEqualTo(fixture.of.rollups.series(FeedFixture.MARCH, granularity, ZoneId.of(zone), TIMEOUT));
    }

    private void assertAll() {
        List<OrganisationUsage> all = new ArrayList<>();
        fixture.reports.calculateAll(FeedFixture.MARCH.period(), TIMEOUT, all::add);
        List<OrganisationUsage> fromRollups = new ArrayList<>();
        fixture.of.rollups.calculateAll(FeedFixture.MARCH.period(), TIMEOUT, fromRollups::add);
        assertThat(all).isEqualTo(fromRollups).isNotEmpty();
    }

    @Test
    void readsDirtyDaysAndDaysToShipFromPostgres() {
        fixture.run("delete from {s}.event_deliveries where id = 'd9'", "delete from {s}.events where id = 'e9'");
        assertSeries(UsageSeriesGranularity.HOUR, "UTC");
        assertThat(fixture.daysFromStore)
                .as("all but the dirty day, the only one with usage")
                .isZero();
        assertAll();

        fixture.of.runWorker();
        assertSeries(UsageSeriesGranularity.DAY, "UTC");
        assertThat(fixture.daysFromStore).as("all but the day to ship").isZero();
        assertAll();

        fixture.ship();
        assertSeries(UsageSeriesGranularity.DAY, "UTC");
        assertThat(fixture.daysFromStore).isEqualTo(31);
        assertAll();
    }

    @Test
    void takesWhatRetentionHasKept() {
        fixture.of.rollups.deleteBefore(Instant.parse("2026-03-17T11:00:00Z"), new RetentionProgress() {});
        fixture.of.runWorker();
        assertSeries(UsageSeriesGranularity.HOUR, "Asia/Kolkata");
        fixture.ship();
        for (UsageSeriesGranularity granularity : UsageSeriesGranularity.values()) {
            assertSeries(granularity, "America/New_York");
        }
        assertThat(fixture.daysFromStore).isEqualTo(31);
        assertAll();
        assertThat(fixture.refused).isEmpty();
    }

    @Test
    void answersFromRollupsAndShipsAgainWhatTheStoreHasLost() {
        fixture.store.lose("p", NINE);
        assertSeries(UsageSeriesGranularity.HOUR, "UTC");
        assertThat(fixture.store.reads()).isEqualTo(2);
        assertThat(fixture.refused).hasSize(1);
        assertThat(fixture.toShip()).isEqualTo(31 * 24);

        fixture.ship();
        fixture.store.lose("p", NINE);
        assertAll();
        assertThat(fixture.toShip()).as("calls for all organisations").isEqualTo(31 * 24);

        fixture.ship();
        assertSeries(UsageSeriesGranularity.HOUR, "UTC");
        assertThat(fixture.refused).hasSize(1);
    }

    @Test
    void failsWhileTheStoreIsAway() {
        fixture.store.beforeRead = () -> {
            throw new UsageCalculationException("a shard is away", null);
        };
        assertThatThrownBy(() -> assertSeries(UsageSeriesGranularity.DAY, "UTC"))
                .hasMessage("a shard is away");
        assertThat(fixture.failed).containsExactly("a shard is away");
        assertThatThrownBy(() -> fixture.reports.calculateAll(FeedFixture.MARCH.period(), TIMEOUT, usage -> {
                    throw new AssertionError("nothing is passed on, but " + usage);
                }))
                .hasMessage("a shard is away");
        assertThat(fixture.toShip()).isZero();
    }

    @Test
    void hasNoSumsOfRowsWithoutASize() {
        fixture.run("update {r}.rollup set unmeasured = 2 where bucket = '" + NINE + "'");
        fixture.ship();
        assertFails("2 rows of the project p have no size");
    }

    @Test
    void hasNoSumsThatExceed64BitsTogether() {
        String nine = " bucket = '" + NINE + "'";
        fixture.run(
                "update {r}.rollup set bucket = bucket + interval '2 days' where not" + nine,
                "update {r}.rollup set received_bytes = 9223372036854775807 where" + nine);
        fixture.ship();
        fixture.run("update {r}.rollup set received_bytes = 1000 where not" + nine);
        assertFails("the sums of the project p exceed 9223372036854775807");
        assertSeries(UsageSeriesGranularity.DAY, "UTC");
    }

    private void assertFails(String why) {
        assertThatThrownBy(() -> fixture.reports.byProject(FeedFixture.MARCH, TIMEOUT))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContaining(why);
        List<String> failed = new ArrayList<>();
        long computed = fixture.reports.calculateAll(
                FeedFixture.MARCH.period(), TIMEOUT, usage -> {}, (organisation, e) -> failed.add(e.getMessage()));
        assertThat(failed)
                .as("and %d others", computed)
                .singleElement()
                .asString()
                .contains(why);
    }

    @Test
    void readsAllFromPostgresWithoutTheFeed() {
        fixture.feed.uninstall();
        assertSeries(UsageSeriesGranularity.DAY, "UTC");
        assertThat(fixture.daysFromStore).as("none").isEqualTo(-1);
        assertAll();
        assertThat(fixture.store.reads()).isZero();
    }
}
