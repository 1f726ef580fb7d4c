package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageCalculationException;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.rollups.spi.CellProject;
import io.usagekit.postgres.rollups.spi.CellSums;
import io.usagekit.postgres.rollups.spi.FeedCycle;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.postgres.rollups.spi.ShippedUsage;
import io.usagekit.postgres.rollups.spi.Watermark;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What the feed ships, and what a figure takes from the store. */
class FeedIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final Instant NINE = Instant.parse("2026-03-17T09:00:00Z");
    private static final CellSums ONE = new CellSums(1, 7, 1, 7, 0, 0);

    private FeedFixture fixture;

    @BeforeEach
    void create() {
        fixture = FeedFixture.shipped("feed");
    }

    @AfterEach
    void drop() {
        fixture.close();
    }

    @Test
    void shipsEachHourOnceAndReadsAllDaysOfAMonthFromTheStore() {
        assertThat(fixture.store.cell("p", NINE).sums()).isEqualTo(ONE);
        assertThat(fixture.figure()).isEqualTo(RollupFixture.THREE);
        assertThat(fixture.daysFromStore)
                .as("those of the project that has usage")
                .isEqualTo(31);
        assertThat(fixture.store.reads()).isOne();

        FeedCycle cycle = fixture.ship();
        assertThat(cycle.hours()).isZero();
        assertThat(cycle.complete()).isTrue();
        fixture.run("analyze {f}.shipped_day");
        assertThat(fixture.feed.status(TIMEOUT)).hasValueSatisfying(status -> {
            assertThat(status.intact()).isTrue();
            assertThat(status.published()).isEqualTo(cycle.version());
            assertThat(status.shippedDays()).isOne();
            assertThat(status.hoursToShip()).isZero();
            assertThat(status.oldestToShip()).isEmpty();
            assertThat(status.lag()).isZero();
            assertThat(status.publishedAt()).isPresent();
        });
    }

    @Test
    void readsDirtyDaysAndDaysToShipFromPostgres() {
        fixture.run("delete from {s}.event_deliveries where id = 'd9'", "delete from {s}.events where id = 'e9'");
        fixture.assertExact(true);
        assertThat(fixture.daysFromStore).as("all but the dirty day").isZero();

        fixture.of.runWorker();
        assertThat(fixture.toShip()).isOne();
        fixture.assertExact(true);
        assertThat(fixture.daysFromStore).as("all but the day to ship").isZero();

        fixture.ship();
        assertThat(fixture.store.cell("p", NINE).sums()).isEqualTo(CellSums.ZERO);
        fixture.assertExact(true);
        assertThat(fixture.daysFromStore).isEqualTo(31);
    }

    @Test
    void shipsSumsThatRetentionKeeps() {
        int before = fixture.store.inserted();
        fixture.of.rollups.deleteBefore(Instant.parse("2026-03-17T11:00:00Z"), new RetentionProgress() {});
        fixture.assertExact(true);
        fixture.of.runWorker();
        assertThat(fixture.toShip()).isEqualTo(2);
        fixture.ship();
        assertThat(fixture.store.inserted()).isGreaterThan(before);
        assertThat(fixture.store.cell("p", NINE).sums()).isEqualTo(ONE);
        assertThat(fixture.figure()).isEqualTo(RollupFixture.THREE);
        assertThat(fixture.daysFromStore).isEqualTo(31);

        fixture.run("update {s}.projects set id = 'renamed' where id = 'p'");
        assertThatThrownBy(fixture::figure)
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContaining("moveRetained");
        fixture.of.rollups.moveRetained("p", "renamed");
        fixture.of.runWorker();
        fixture.assertExact(true);
        fixture.ship();
        fixture.assertExact(true);
        assertThat(fixture.refused).isEmpty();
    }

    @Test
    void shipsEverythingAfterTruncate() {
        fixture.run("truncate {r}.rollup");
        assertThat(fixture.toShip()).isEqualTo(3);
        fixture.ship();
        assertThat(fixture.store.cell("p", NINE).sums()).isEqualTo(CellSums.ZERO);
        fixture.assertExact(true);
    }

    @Test
    void listsRowsBeforeAndAfterAnUpdate() {
        fixture.run("update {r}.rollup set bucket = bucket - interval '1 day' where bucket = '" + NINE + "'");
        assertThat(fixture.toShip()).isEqualTo(2);
        fixture.ship();
        fixture.assertExact(true);
    }

    @Test
    void shipsAnotherTimeWhatTheStoreHasLost() {
        fixture.store.lose("p", NINE);
        fixture.assertExact(true);
        ProjectDays march = new ProjectDays("p", LocalDate.of(2026, 3, 1), LocalDate.of(2026, 4, 1));
        assertThat(fixture.refused).containsExactly(List.of(march).toString());
        assertThat(fixture.store.reads()).isEqualTo(2);
        assertThat(fixture.toShip()).isEqualTo(31 * 24);
        assertThat(fixture.ship().hours()).isEqualTo(31 * 24);
        fixture.assertExact(true);
        assertThat(fixture.daysFromStore).isEqualTo(31);
        assertThat(fixture.refused).hasSize(1);
    }

    @Test
    @Timeout(60)
    void answersFromRollupsInTimeWhileTheShipListIsLocked() throws SQLException {
        fixture.store.lose("p", NINE);
        try (Connection other = Database.pool().getConnection();
                Statement statement = other.createStatement()) {
            other.setAutoCommit(false);
            statement.execute(
                    "lock table " + Identifiers.qualified(fixture.feed.schema(), "to_ship") + " in exclusive mode");
            assertThat(fixture.figure(Duration.ofSeconds(5))).isEqualTo(RollupFixture.THREE);
            other.rollback();
        }
        assertThat(fixture.refused).singleElement().asString().endsWith(", not reshipped");
        assertThat(fixture.toShip()).isZero();
    }

    @Test
    void triesAnotherTimeWhereAReplicaLags() {
        fixture.store.lag();
        fixture.run("update {r}.rollup set received_volume = 5");
        fixture.ship();
        fixture.store.beforeRead = () -> {
            if (fixture.store.reads() == 1) {
                fixture.store.catchUp();
            }
        };
        fixture.assertExact(true);
        assertThat(fixture.store.reads()).isEqualTo(2);
        assertThat(fixture.refused).isEmpty();
    }

    @Test
    void passesOnTheErrorOfTheStore() {
        fixture.store.beforeRead = () -> {
            throw new UsageCalculationException("shard 2 doesn't answer", null);
        };
        assertThatThrownBy(fixture::figure).hasMessageContaining("shard 2");
        assertThat(fixture.failed).containsExactly("shard 2 doesn't answer");
        assertThat(fixture.toShip()).isZero();
    }

    @Test
    void saysWhyThereIsNoFigureWhereTheStoreHasRowsWithoutSizeOrSumsAreTooLarge() {
        fixture.run("update {r}.rollup set unmeasured = 1 where bucket = '" + NINE + "'");
        fixture.ship();
        assertThatThrownBy(fixture::figure).hasMessageContaining("have no size");

        fixture.run(
                "update {r}.rollup set unmeasured = 0, received_bytes = case when bucket = '" + NINE + "' then "
                        + Long.MAX_VALUE + " else 0 end",
                "insert into {r}.rollup values ('q', '" + NINE + "', 1, 1, 0, 0, 0, 0)");
        fixture.ship();
        assertThatThrownBy(fixture::figure).hasMessageContaining("bigint out of range");
    }

    @Test
    void keepsHoursWhoseSumsNoCellHoldsInTheList() {
        fixture.run("update {r}.rollup set received_bytes = 1e19 where bucket = '" + NINE + "'");
        FeedCycle cycle = fixture.ship();
        assertThat(cycle.hours()).isZero();
        assertThat(cycle.complete()).isFalse();
        assertThatThrownBy(fixture::figure).hasMessageContaining("bigint out of range");
        fixture.run("update {r}.rollup set received_bytes = 7 where bucket = '" + NINE + "'");
        assertThat(fixture.ship().complete()).isTrue();
        fixture.assertExact(true);
        assertThat(fixture.daysFromStore).isEqualTo(31);
    }

    @Test
    void shipsInBatches() {
        fixture.feed.reshipAll();
        FeedCycle first = fixture.feed.ship(fixture.store, 2, TIMEOUT).orElseThrow();
        assertThat(first.hours()).isEqualTo(2);
        assertThat(first.left()).isTrue();
        assertThat(first.complete()).isFalse();
        fixture.assertExact(true);
        FeedCycle second = fixture.feed.ship(fixture.store, 2, TIMEOUT).orElseThrow();
        assertThat(second.hours()).isOne();
        assertThat(second.complete()).isTrue();
        fixture.assertExact(true);
    }

    @Test
    void publishesAStateThatIsComplete() {
        Watermark first = fixture.store.watermarks.get(0);
        assertThat(first.asOf()).isEqualTo(fixture.of.clock.instant());
        assertThat(first.coveredFrom()).isEqualTo(Instant.MIN);
        assertThat(first.coveredBefore()).isEqualTo(Instant.parse("2026-04-16T12:00:00Z"));
        assertThat(fixture.store.projects)
                .isEqualTo(Map.of(
                        "p", new CellProject("p", Optional.of("org-123"), true),
                        "q", new CellProject("q", Optional.of("org-123"), true)));

        fixture.run("delete from {s}.event_deliveries where id = 'd9'");
        assertThat(fixture.ship().complete()).as("with a dirty hour").isFalse();
        fixture.of.runWorker();
        fixture.run(
                "update {s}.projects set deleted_at = now() where id = 'p'",
                "delete from {s}.projects where id = 'q'",
                "insert into {s}.projects values ('new', 'org-9', null)");
        assertThat(fixture.ship().complete()).as("with an unknown project").isFalse();
        fixture.of.runWorker();
        FeedCycle cycle = fixture.ship();
        assertThat(cycle.complete()).isTrue();
        assertThat(cycle.projects()).isEqualTo(3);
        assertThat(fixture.store.projects)
                .isEqualTo(Map.of(
                        "p", new CellProject("p", Optional.of("org-123"), false),
                        "q", new CellProject("q", Optional.empty(), false),
                        "new", new CellProject("new", Optional.of("org-9"), true)));
        assertThat(fixture.ship().projects()).isZero();
    }

    @Test
    void findsMonthsWithSumsThatNoTriggerHasListed() {
        fixture.run(
                "insert into {r}.rollup values ('p', '2025-12-31T23:00:00Z', 1, 1, 0, 0, 0, 0)",
                "insert into {r}.rollup values ('p', '-infinity', 1, 1, 0, 0, 0, 0)",
                "delete from " + Identifiers.qualified(fixture.feed.schema(), "to_ship"));
        List<ProjectDays> differing = new ArrayList<>();
        fixture.feed.verify(fixture.store, TIMEOUT, differing::add);
        assertThat(differing)
                .containsExactly(new ProjectDays("p", LocalDate.of(2025, 12, 1), LocalDate.of(2026, 1, 1)));
        fixture.feed.reship(differing);
        fixture.ship();
        differing.clear();
        fixture.feed.verify(fixture.store, TIMEOUT, differing::add);
        assertThat(differing).isEmpty();
    }

    @Test
    void verifiesVersionsAndSums() {
        List<ProjectDays> differing = new ArrayList<>();
        assertThat(fixture.feed.verify(fixture.store, TIMEOUT, differing::add)).isOne();
        assertThat(differing).isEmpty();

        fixture.store.lose("p", NINE);
        fixture.feed.verify(fixture.store, TIMEOUT, differing::add);
        assertThat(differing).hasSize(1);
        fixture.feed.reship(differing);
        assertThat(fixture.feed.verify(fixture.store, TIMEOUT, differing::add))
                .as("what is to be shipped isn't compared")
                .isZero();
        fixture.ship();
        differing.clear();
        assertThat(fixture.feed.verify(fixture.store, TIMEOUT, differing::add)).isEqualTo(31);
        assertThat(differing).isEmpty();
        assertThat(fixture.store.cell("p", NINE)).extracting(ShippedUsage::sums).isEqualTo(ONE);
    }

    /** A back-fill may roll them; a cell has an hour of the calendar. */
    @Test
    void shipsNoHoursOutsideTheCalendar() {
        fixture.run("insert into {r}.rollup select 'q', hour, 1, 1, 0, 0, 0, 0 from unnest(array["
                + "'-infinity', 'infinity', '4713-01-01 00:00+00 BC', '0001-01-01 00:00+00', '9999-12-31 23:00+00',"
                + " '10000-01-01 00:00+00']::timestamptz[]) as hour");
        assertThat(fixture.ship().hours()).isEqualTo(2);
        fixture.feed.reshipAll();
        assertThat(fixture.ship().hours()).isEqualTo(3 + 2);
        fixture.assertExact(true);
    }

    @Test
    void publishesNoStateWhereChangesOfPartitionsAreNotTracked() {
        RollupFeed untracked = fixture.weakened(RollupSql.SOURCE, fixture.of.dataSource, connection -> false);
        assertThat(fixture.ship(untracked).complete()).isFalse();
        assertThat(fixture.ship().complete()).isTrue();
    }

    @Test
    void shipsAProjectOnceWhoseIdTwoRowsHave() {
        fixture.run(
                "alter table {s}.projects drop constraint projects_pkey",
                "insert into {s}.projects values ('p', 'org-9', null)",
                "update {s}.projects set organisation_id = 'org-1' where organisation_id = 'org-123'");
        assertThat(fixture.ship().projects()).isEqualTo(2);
        assertThat(fixture.ship().projects()).isZero();
    }

    @Test
    void rejectsBoundsOfACycle() {
        assertThatThrownBy(() -> fixture.feed.ship(fixture.store, 0, TIMEOUT)).hasMessageContaining("maxHours");
        assertThatThrownBy(() -> fixture.feed.ship(fixture.store, 1, Duration.ofMillis(999)))
                .hasMessageContaining("timeout");
    }

    @Test
    void reportsSinceWhenAnHourWaits() {
        fixture.run("update {r}.rollup set received_volume = 5");
        fixture.run("update {f}.to_ship set since = since - interval '2 hours'");
        assertThat(fixture.feed.status(TIMEOUT)).hasValueSatisfying(status -> {
            assertThat(status.oldestToShip()).isPresent();
            assertThat(status.lag()).isBetween(Duration.ofHours(2), Duration.ofHours(3));
        });
        assertThat(fixture.toShip()).isEqualTo(3);
    }
}
