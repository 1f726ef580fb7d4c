package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.rollups.spi.CellProject;
import io.usagekit.postgres.rollups.spi.ProjectDays;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.postgres.testing.ChangedStatement;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.sql.DataSource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What happens between the steps of a cycle, and between a figure's snapshot and its read of the store; each also without its guard. */
class FeedRacesIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final Instant NINE = Instant.parse("2026-03-17T09:00:00Z");
    private static final String CHANGE =
            "update {r}.rollup set received_volume = received_volume + 10 where bucket = '" + NINE + "'";

    private static final String MILLISECONDS = "floor(extract(epoch from clock_timestamp()) * 1000)::bigint";

    private FeedFixture fixture;

    @BeforeEach
    void create() {
        fixture = FeedFixture.shipped("feed_races");
    }

    @AfterEach
    void drop() {
        fixture.close();
    }

    /** The ship list has a row for each change; without the guard it has one for each hour. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void noticesAChangeThatCommitsAfterItsHourWasShipped(boolean isGuarded) throws SQLException {
        if (!isGuarded) {
            String feed = '"' + fixture.feed.schema() + '"';
            fixture.run(
                    "create unique index on " + feed + ".to_ship (project_id, bucket)",
                    "create or replace function " + feed + ".list_rolled() returns trigger language plpgsql as $$ begin"
                            + " insert into " + feed
                            + ".to_ship (project_id, bucket) select project_id, bucket from changed"
                            + " on conflict do nothing; return null; end $$");
        }
        fixture.run(CHANGE);
        try (Connection host = fixture.of.begin()) {
            fixture.of.run(host, CHANGE);
            fixture.ship();
            host.commit();
        }
        fixture.assertExact(isGuarded);
        fixture.ship();
        fixture.assertExact(isGuarded);
    }

    /** A cycle reads the list and the sums and deletes from the list in one snapshot. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void noticesAChangeBetweenReadingAndDeletingTheList(boolean isGuarded) {
        DataSource dataSource = isGuarded ? fixture.of.dataSource : ReadCommittedConnections.of(fixture.of.dataSource);
        fixture.run(CHANGE);
        fixture.store.afterInsert = () -> {
            fixture.store.afterInsert = () -> {};
            fixture.run(CHANGE);
        };
        fixture.ship(fixture.weakened(RollupSql.SOURCE, dataSource));
        fixture.assertExact(isGuarded);
    }

    /** A figure is read in the version of its snapshot. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void readsTheVersionOfItsSnapshotWhenANewerOneIsPublished(boolean isGuarded) {
        fixture.store.ignoresVersions = !isGuarded;
        fixture.store.beforeRead = () -> {
            fixture.run(CHANGE);
            fixture.ship();
        };
        assertThat(fixture.figure().received().volume()).isEqualTo(isGuarded ? 3 : 23);
        assertThat(fixture.store.reads()).isEqualTo(isGuarded ? 1 : 2);
        assertThat(fixture.refused).hasSize(isGuarded ? 0 : 1);
    }

    /** A whole month is proved by the sum of its days, which each cycle adds up again. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void addsUpAMonthOfWhichADayIsShippedAgain(boolean isGuarded) {
        SqlSource source = isGuarded
                ? RollupSql.SOURCE
                : WeakenedStatements.changed(
                        "record-months", "do update set version_sum = excluded.version_sum", "do nothing");
        fixture.run(CHANGE);
        fixture.ship(fixture.weakened(source, fixture.of.dataSource));
        fixture.assertExact(true);
        assertThat(fixture.refused).hasSize(isGuarded ? 0 : 1);
    }

    /** In the cycle that ships it: the manifest says which days the store has. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void recordsAMonthWithItsDays(boolean isGuarded) {
        fixture.run("delete from {f}.shipped_month");
        fixture.feed.reshipAll();
        SqlSource source = isGuarded
                ? RollupSql.SOURCE
                : WeakenedStatements.changed("record-months", "and not t.unfit", "and false");
        fixture.ship(fixture.weakened(source, fixture.of.dataSource));
        fixture.assertExact(isGuarded);
    }

    /** A version is used by one attempt. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void usesNoVersionOfADeadAttemptAnotherTime(boolean isGuarded) {
        SqlSource source = isGuarded
                ? RollupSql.SOURCE
                : new ChangedStatement(
                        WeakenedStatements.changed("cycle-state", "= :version and", ">= :version - 9 and"),
                        "next-version",
                        "greatest(\n            nextval({feed.sequence}::regclass),",
                        "least(\n            " + Long.MAX_VALUE + ",");
        RollupFeed feed = fixture.weakened(source, fixture.of.dataSource);
        fixture.run(CHANGE);
        failAfterInsert(feed);
        fixture.run(CHANGE);
        fixture.ship(feed);
        fixture.assertExact(isGuarded);
    }

    /** What a dead attempt may have sent is sent again, zeros included. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void supersedesWhatADeadAttemptHasSent(boolean isGuarded) {
        SqlSource source = isGuarded
                ? RollupSql.SOURCE
                : WeakenedStatements.changed(
                        "choose-hours",
                        "        ) as h\n    ) as s",
                        "        ) as h\n        having count(*) > 0\n    ) as s");
        RollupFeed feed = fixture.weakened(source, fixture.of.dataSource);
        fixture.run(CHANGE);
        failAfterInsert(feed);
        fixture.assertExact(true); // the list still has the hour
        fixture.run("delete from {r}.rollup where bucket = '" + NINE + "'", "update {r}.rollup set sent_volume = 2");
        fixture.ship(feed);
        fixture.assertExact(true);
        assertThat(fixture.refused).hasSize(isGuarded ? 0 : 1);
    }

    /** The hours of a dead attempt stay in the list, and with them its phantoms are not read. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void readsNoPhantomOfADeadAttempt(boolean isGuarded) {
        fixture.run(CHANGE);
        failAfterInsert(fixture.feed);
        fixture.run(
                "update {r}.rollup set received_volume = received_volume - 10 where bucket = '" + NINE + "'",
                "insert into {r}.rollup select project_id, bucket + interval '1 day', received_volume, received_bytes,"
                        + " sent_volume, sent_bytes, unmeasured, lost_sizes from {r}.rollup where bucket = '" + NINE
                        + "'");
        if (!isGuarded) {
            fixture.run("delete from \"" + fixture.feed.schema() + "\".to_ship where bucket = '" + NINE + "'");
        }
        fixture.ship();
        fixture.assertExact(true);
        assertThat(fixture.refused).as("its versions give a phantom away").hasSize(isGuarded ? 0 : 1);
    }

    /** A verification reads a thousand months, and meanwhile one of them is shipped again. */
    @Test
    void verifiesAgainWhatWasShippedMeanwhile() {
        fixture.store.beforeRead = () -> {
            fixture.store.beforeRead = () -> {};
            fixture.run(CHANGE);
            fixture.ship();
            fixture.store.removeSuperseded();
        };
        List<ProjectDays> differing = new ArrayList<>();
        assertThat(fixture.feed.verify(fixture.store, TIMEOUT, differing::add)).isOne();
        assertThat(fixture.store.reads()).isEqualTo(2);
        assertThat(differing).isEmpty();

        fixture.store.lose("p", NINE);
        fixture.feed.verify(fixture.store, TIMEOUT, differing::add);
        assertThat(differing).hasSize(1);
    }

    private void failAfterInsert(RollupFeed feed) {
        fixture.store.afterInsert = () -> {
            fixture.store.afterInsert = () -> {};
            throw new IllegalStateException("killed");
        };
        long published = fixture.feed.status(TIMEOUT).orElseThrow().published();
        assertThatThrownBy(() -> fixture.ship(feed)).hasMessage("killed");
        assertThat(fixture.feed.status(TIMEOUT).orElseThrow().published()).isEqualTo(published);
    }

    /** The store may have projects of a dead attempt, also where they are again what was shipped before. */
    @Test
    void supersedesTheProjectsOfADeadAttempt() {
        fixture.run("update {s}.projects set organisation_id = 'org-9' where id = 'p'");
        fixture.store.beforePublish = () -> {
            fixture.store.beforePublish = () -> {};
            throw new IllegalStateException("killed");
        };
        assertThatThrownBy(fixture::ship).hasMessage("killed");
        fixture.run("update {s}.projects set organisation_id = 'org-123' where id = 'p'", "delete from {s}.events");
        assertThat(fixture.ship().complete()).as("with dirty hours").isFalse();
        fixture.of.runWorker();
        assertThat(fixture.ship().projects()).isEqualTo(2);
        assertThat(fixture.store.projects.get("p")).isEqualTo(new CellProject("p", Optional.of("org-123"), true));
        assertThat(fixture.ship().projects()).isZero();
    }

    /** The store has published a version that PostgreSQL rolled back. */
    @Test
    void shipsTheSameHoursAfterADeathBeforeTheCommit() {
        fixture.run(CHANGE);
        fixture.store.beforePublish = () -> {
            fixture.store.beforePublish = () -> {};
            throw new IllegalStateException("killed");
        };
        assertThatThrownBy(fixture::ship).hasMessage("killed");
        assertThat(fixture.toShip()).isOne();
        fixture.assertExact(true);
        fixture.ship();
        fixture.assertExact(true);
        assertThat(fixture.refused).isEmpty();
    }

    @Test
    void runsOneCycleAtATime() {
        AtomicBoolean ran = new AtomicBoolean();
        fixture.run(CHANGE);
        fixture.store.afterInsert = () -> {
            fixture.store.afterInsert = () -> {};
            assertThat(fixture.feed.ship(fixture.store, 10, TIMEOUT)).isEmpty();
            ran.set(true);
        };
        fixture.ship();
        assertThat(ran).isTrue();
        fixture.assertExact(true);
        assertThat(fixture.toShip()).isZero();
    }

    /** An attempt that has chosen its version, and locks after a later one has committed, would ship changed sums in a version that is too low. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void endsWhereALaterAttemptHasOvertakenIt(boolean isGuarded) {
        SqlSource source = isGuarded
                ? RollupSql.SOURCE
                : new ChangedStatement(
                        WeakenedStatements.changed("record-published", "where published < :version", ""),
                        "cycle-state",
                        "= :version and s.published < :version",
                        ">= :version");
        fixture.run(CHANGE);
        RollupFeed late = fixture.weakened(source, fixture.before("exclusive mode nowait", 2, () -> {
            fixture.ship();
            fixture.run(CHANGE);
        }));
        assertThat(late.ship(fixture.store, 10, TIMEOUT).isPresent()).isEqualTo(!isGuarded);
        fixture.ship();
        fixture.assertExact(isGuarded);
    }

    /** Between the steps of next-version, another cycle would choose the same version, or a higher one and set it back. */
    @Test
    void choosesAVersionWhileNoOtherCycleRuns() throws SQLException {
        String last = "select last_value from {f}.version";
        long before = fixture.count(last);
        try (Connection other = fixture.of.begin()) {
            fixture.of.run(other, "lock table \"" + fixture.feed.schema() + "\".cycle in exclusive mode");
            assertThat(fixture.feed.ship(fixture.store, 10, TIMEOUT)).isEmpty();
            assertThat(fixture.count(last)).isEqualTo(before);
            other.rollback();
        }
        assertThat(fixture.ship().version()).isGreaterThan(before);
    }

    @Test
    void publishesNoVersionBelowTheLast() {
        RollupFeed feed = fixture.weakened(
                new ChangedStatement(
                        WeakenedStatements.changed("cycle-state", "s.published < :version", "true"),
                        "next-version",
                        "greatest(\n            nextval({feed.sequence}::regclass),",
                        "least(\n            nextval({feed.sequence}::regclass),"),
                fixture.of.dataSource);
        long published = fixture.ship().version() + 1_000;
        fixture.run("update \"" + fixture.feed.schema() + "\".state set published = " + published);
        assertThatThrownBy(() -> fixture.ship(feed)).hasMessageContaining("isn't below");
        assertThat(fixture.ship().version()).isGreaterThan(published);
    }

    /** After a restore from a backup, or on a replica that lagged when it took over. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void choosesVersionsAboveThoseOfTheStoreAfterPostgresFellBack(boolean isGuarded) {
        SqlSource source = isGuarded
                ? RollupSql.SOURCE
                : new ChangedStatement(
                        WeakenedStatements.changed(
                                "next-version", ":highest::bigint + 1", "least(:highest::bigint, 0)"),
                        "next-version",
                        MILLISECONDS,
                        "0");
        RollupFeed feed = fixture.weakened(source, fixture.of.dataSource);
        long sequence = fixture.count("select last_value from {f}.version");
        fixture.run(CHANGE);
        failAfterInsert(feed);
        fixture.run("select setval('\"" + fixture.feed.schema() + "\".version', " + sequence + ")", CHANGE);
        fixture.ship(feed);
        fixture.assertExact(isGuarded);
    }

    /** The store hasn't inserted yet what a dead attempt has sent, and PostgreSQL has lost the sequence. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void choosesVersionsAboveThoseThatArriveLateAfterPostgresFellBack(boolean isGuarded) {
        SqlSource source = isGuarded ? RollupSql.SOURCE : WeakenedStatements.changed("next-version", MILLISECONDS, "0");
        RollupFeed feed = fixture.weakened(source, fixture.of.dataSource);
        long sequence = fixture.count("select last_value from {f}.version");
        long highest = fixture.store.highestVersion();
        fixture.run(CHANGE);
        failAfterInsert(feed);
        fixture.run("select setval('\"" + fixture.feed.schema() + "\".version', " + sequence + ")", CHANGE);
        fixture.store.showsUpTo(highest);
        fixture.ship(feed);
        fixture.assertExact(isGuarded);
    }
}
