package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.rollups.spi.CellProject;
import io.usagekit.postgres.rollups.spi.FeedCycle;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.postgres.rollups.spi.Watermark;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDate;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a watermark says of a store: readers that don't ask PostgreSQL rely on it. */
class FeedStateIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final Instant NINE = Instant.parse("2026-03-17T09:00:00Z");

    private FeedFixture fixture;

    @BeforeEach
    void create() {
        fixture = FeedFixture.shipped("feed_state");
    }

    @AfterEach
    void drop() {
        fixture.close();
    }

    private Watermark newest() {
        return fixture.store.watermarks.get(fixture.store.watermarks.size() - 1);
    }

    private void assertProved() {
        assertThat(newest().version()).isEqualTo(fixture.store.highestVersion());
        assertThat(fixture.store.unproved(newest())).isEmpty();
        assertThat(fixture.store.provedProjects(newest().projects().from()))
                .isPositive()
                .isEqualTo(newest().projects().versions());
    }

    @Test
    void provesEachDayAndTheProjectsOfEachState() {
        assertProved();
        fixture.run("update {r}.rollup set received_volume = 5 where bucket = '" + NINE + "'");
        fixture.ship();
        assertProved();
        fixture.run("delete from {r}.rollup", "update {s}.projects set organisation_id = 'org-9' where id = 'p'");
        fixture.ship();
        assertProved();
        fixture.feed.reshipAll();
        fixture.ship();
        assertProved();
        for (Watermark watermark : fixture.store.watermarks) {
            assertThat(fixture.store.unproved(watermark)).isEmpty();
        }

        fixture.store.lose("p", NINE);
        assertThat(fixture.store.unproved(newest()))
                .containsExactly(new ProjectDays("p", LocalDate.of(2026, 3, 17), LocalDate.of(2026, 3, 18)));
    }

    @Test
    void provesThemAlsoAfterAttemptsThatDied() {
        fixture.run(
                "update {r}.rollup set received_volume = 5 where bucket = '" + NINE + "'",
                "insert into {s}.projects values ('phantom', 'org-123', null)");
        fixture.of.runWorker();
        fixture.store.afterInsert = this::die;
        assertThatThrownBy(fixture::ship).hasMessage("killed");
        fixture.store.beforePublish = this::die;
        assertThatThrownBy(fixture::ship).hasMessage("killed");
        assertThat(fixture.store.projects).containsKey("phantom");
        fixture.run("delete from {s}.projects where id = 'phantom'");
        fixture.ship();
        assertProved();
        assertThat(newest().projects().from()).isEqualTo(newest().version());
        assertThat(newest().cellsFrom())
                .as("PostgreSQL has chosen all versions")
                .isLessThan(newest().version());
        fixture.ship();
        assertProved();
    }

    private void die() {
        fixture.store.afterInsert = () -> {};
        fixture.store.beforePublish = () -> {};
        throw new IllegalStateException("killed");
    }

    @Test
    void shipsAllOfItToAnotherStore() {
        fixture.store.loseAll();
        fixture.feed.reshipAll();
        assertThat(fixture.ship().projects()).isPositive();
        assertProved();
    }

    /** A cycle in progress has read before that there is no doubt about projects; it may have its snapshot, too. */
    @ParameterizedTest
    @CsvSource({"exclusive mode nowait, 2", "order by hour.project_id, 1", "published_at = clock_timestamp(), 1"})
    void shipsAllOfItAlsoWhereACycleIsInProgress(String statement, int nth) {
        RollupFeed inProgress =
                fixture.weakened(RollupSql.SOURCE, fixture.before(statement, nth, fixture.feed::reshipAll));
        try {
            assertThat(inProgress.ship(fixture.store, 10, TIMEOUT)).isEmpty();
        } catch (UsageStorageException e) {
            assertThat(e).hasMessageContaining("could not serialize access");
        }
        fixture.store.loseAll();
        assertThat(fixture.ship().projects()).isPositive();
        assertProved();
    }

    /** Listing all hours takes a while; an attempt that begins meanwhile has a newer version. */
    @Test
    void shipsAllOfItAlsoWhereAnAttemptBeginsMeanwhile() throws Exception {
        fixture.store.loseAll();
        String feed = '"' + fixture.feed.schema() + '"';
        ExecutorService worker = Executors.newSingleThreadExecutor();
        try (Connection listing = Database.pool().getConnection();
                Statement statement = listing.createStatement()) {
            listing.setAutoCommit(false);
            statement.execute(
                    "with doubted as (update " + feed + ".state set projects_in_doubt = true returning nextval('" + feed
                            + ".version')) select " + feed + ".list_all() from doubted");
            Future<Optional<FeedCycle>> cycle = worker.submit(() -> fixture.feed.ship(fixture.store, 1_000, TIMEOUT));
            Database.awaitASessionThatWaitsFor(listing);
            listing.commit();
            listing.setAutoCommit(true);
            assertThat(cycle.get())
                    .hasValueSatisfying(
                            shipped -> assertThat(shipped.projects()).isPositive());
        } finally {
            worker.shutdownNow();
        }
        fixture.ship();
        assertProved();
    }

    /** As after PostgreSQL was restored from a backup: hours and projects that were shipped since are in no list. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void countsNothingThatAnotherTimelineHasShipped(boolean isGuarded) {
        fixture.run("insert into {r}.rollup select 'q', bucket, 9, 9, 9, 9, 0, 0 from {r}.rollup");
        FeedCycle lost = fixture.ship();
        String feed = '"' + fixture.feed.schema() + '"';
        fixture.run(
                "delete from {r}.rollup where project_id = 'q'",
                "delete from " + feed + ".to_ship",
                "delete from " + feed + ".shipped_day where project_id = 'q'",
                "delete from " + feed + ".shipped_month where project_id = 'q'",
                "update " + feed + ".state set published = 1",
                "select setval('" + feed + ".version', 1)");
        SqlSource source = isGuarded
                ? RollupSql.SOURCE
                : WeakenedStatements.changed("is-ahead", ":highest::bigint > v.last_value", ":highest::bigint < 0");
        RollupFeed restored = fixture.weakened(source, fixture.of.dataSource);

        fixture.ship(restored);

        if (isGuarded) {
            assertProved();
            assertThat(newest().cellsFrom()).isEqualTo(newest().version()).isGreaterThan(lost.version());
            assertThat(newest().projects().from()).isEqualTo(newest().version());
            fixture.ship();
            assertThat(newest().cellsFrom()).isLessThan(newest().version());
        } else {
            assertThat(newest().cellsFrom())
                    .as("q has the usage of the other timeline")
                    .isLessThan(lost.version());
        }
    }

    @Test
    void countsNothingFromBeforeTheFeedWasInstalled() {
        long before = newest().version();
        fixture.feed.uninstall();
        fixture.run("delete from {r}.rollup where bucket = '" + NINE + "'");
        fixture.feed.install();
        fixture.ship();
        assertProved();
        assertThat(newest().cellsFrom()).isGreaterThan(before);
        assertThat(newest().projects().from()).isGreaterThan(before);
    }

    /** Only an operator knows whether a project that vanished after retention was renamed. */
    @Test
    void shipsWhoseAMissingProjectWas() {
        fixture.of.rollups.deleteBefore(Instant.parse("2026-03-17T11:00:00Z"), new RetentionProgress() {});
        fixture.of.runWorker();
        fixture.run("update {s}.projects set id = 'renamed' where id = 'p'");
        fixture.of.runWorker();
        assertThat(fixture.ship().complete()).isTrue();
        assertThat(fixture.store.projects.get("p")).isEqualTo(new CellProject("p", Optional.of("org-123"), true, true));
        assertProved();

        fixture.of.rollups.moveRetained("p", "renamed");
        fixture.of.runWorker();
        assertThat(fixture.ship().complete()).isTrue();
        assertThat(fixture.store.projects.get("p")).isEqualTo(new CellProject("p", Optional.empty(), false));
        assertProved();
    }

    @Test
    void leavesMissingProjectsOutWhereRollupsDo() {
        fixture.of.rollups.deleteBefore(Instant.parse("2026-03-17T11:00:00Z"), new RetentionProgress() {});
        fixture.of.runWorker();
        fixture.run("delete from {s}.projects where id = 'p'");
        RollupFeed omitting = PostgresRollups.builder(fixture.of.dataSource)
                .mapping(fixture.of.mapping)
                .clock(fixture.of.clock)
                .omitMissingProjects()
                .build()
                .feed();
        fixture.ship(omitting);
        assertThat(fixture.store.projects.get("p")).isEqualTo(new CellProject("p", Optional.empty(), false));
    }

    /** Cells hold what isn't soft-deleted, and such a project counts what was deleted with it. */
    @Test
    void publishesNoStateWhereADeletedProjectIsReadFromRawRows() {
        fixture.run("update {s}.projects set deleted_at = now() where id = 'p'");
        PostgresRollups keeping = PostgresRollups.builder(fixture.of.dataSource)
                .mapping(fixture.of.mapping.toBuilder().keepDeletedProjects().build())
                .clock(fixture.of.clock)
                .countDeletedProjects(true)
                .build();
        keeping.install();
        try (RollupWorker worker = keeping.worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMinutes(1))
                .build()) {
            worker.runOnce();
        }
        keeping.feed().install();
        assertThat(fixture.ship(keeping.feed()).complete()).isFalse();
        fixture.run("update {s}.projects set deleted_at = null where id = 'p'");
        assertThat(fixture.ship(keeping.feed()).complete()).isTrue();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shipsOtherHoursBesideThoseThatDoNotFit(boolean isGuarded) {
        SqlSource source = isGuarded
                ? RollupSql.SOURCE
                : WeakenedStatements.changed("choose-hours", "where not t.unfit", "where true");
        RollupFeed feed = fixture.weakened(source, fixture.of.dataSource);
        fixture.run(
                "update {r}.rollup set received_bytes = 1e19 where bucket = '" + NINE + "'",
                "update {r}.rollup set received_volume = 5 where bucket <> '" + NINE + "'");
        assertThat(feed.ship(fixture.store, 1, TIMEOUT).orElseThrow().hours())
                .as("the first in order doesn't fit")
                .isZero();
        for (int cycle = 0; cycle < 2; cycle++) {
            assertThat(feed.ship(fixture.store, 1, TIMEOUT).orElseThrow().hours())
                    .isEqualTo(isGuarded ? 1 : 0);
        }
        if (!isGuarded) {
            return;
        }
        assertThat(fixture.ship().complete()).as("while one hour doesn't fit").isFalse();
        assertThat(fixture.toShip()).isOne();
        assertThat(fixture.feed.status(TIMEOUT).orElseThrow().oldestToShip()).isPresent();

        fixture.run("update {r}.rollup set received_bytes = 7 where bucket = '" + NINE + "'");
        assertThat(fixture.ship().complete()).isTrue();
        assertThat(fixture.toShip()).isZero();
        assertProved();
        fixture.assertExact(true);
        assertThat(fixture.daysFromStore).isEqualTo(31);
    }
}
