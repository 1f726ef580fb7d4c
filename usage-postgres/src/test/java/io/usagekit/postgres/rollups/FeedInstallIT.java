package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.rollups.spi.CellReadListener;
import io.usagekit.postgres.testing.OneConnection;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** The feed before it is installed, after it is removed, and where its tables or triggers are others than they were. */
class FeedInstallIT {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);

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
    void readsRollupsAloneUntilTheFeedIsInstalledForTheirTables() {
        fixture.of.rollups.remove();
        fixture.of.rollups.install();
        fixture.of.runWorker();
        fixture.assertExact(true);
        assertThat(fixture.daysFromStore).isEqualTo(-1);
        assertThatThrownBy(fixture::ship)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("install()");

        fixture.feed.install();
        assertThat(fixture.toShip()).isEqualTo(3);
        fixture.ship();
        fixture.assertExact(true);
        assertThat(fixture.daysFromStore).isEqualTo(31);
    }

    @Test
    void noticesTriggersThatWereDisabledMeanwhile() {
        fixture.run(
                "alter table {r}.rollup disable trigger usagekit_feed_update_old",
                "update {r}.rollup set received_volume = 5",
                "alter table {r}.rollup enable always trigger usagekit_feed_update_old");
        fixture.assertExact(true);
        assertThat(fixture.daysFromStore).isEqualTo(-1);
        fixture.feed.install();
        fixture.ship();
        fixture.assertExact(true);
        assertThat(fixture.daysFromStore).isEqualTo(31);
        fixture.feed.install();
        assertThat(fixture.toShip()).as("installed twice").isZero();
    }

    @Test
    void computesWithoutTheFeedBeforeItIsInstalledAndAfterItIsRemoved() {
        fixture.feed.uninstall();
        assertThat(fixture.feed.status(TIMEOUT)).isEmpty();
        fixture.assertExact(true);
        assertThat(fixture.daysFromStore).isEqualTo(-1);
        assertThatThrownBy(fixture::ship)
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("install()");
        long highest = fixture.store.highestVersion();
        fixture.feed.install();
        assertThat(fixture.ship().version()).as("above what the store has").isGreaterThan(highest);
        fixture.assertExact(true);
        assertThat(fixture.daysFromStore).isEqualTo(31);
    }

    @Test
    void computesFromRollupsForRoleWithoutPrivilegesOnTheFeed() throws SQLException {
        fixture.run(
                "create role usagekit_feed_reader",
                "grant usage on schema {s}, {r} to usagekit_feed_reader",
                "grant select on all tables in schema {s}, {r} to usagekit_feed_reader");
        List<RollupListener.Fallback> fallbacks = new ArrayList<>();
        try (Connection connection = fixture.of.dataSource.getConnection();
                Statement statement = connection.createStatement()) {
            UsageCalculator calculator = PostgresRollups.builder(new OneConnection(connection))
                    .mapping(fixture.of.mapping)
                    .clock(fixture.of.clock)
                    .listener(new RollupListener() {
                        @Override
                        public void fromRawRows(UsageKey key, Fallback why) {
                            fallbacks.add(why);
                        }
                    })
                    .build()
                    .feed()
                    .calculator(fixture.store, new CellReadListener() {});
            statement.execute("set role usagekit_feed_reader");
            try {
                assertThat(calculator
                                .calculate(FeedFixture.MARCH, TIMEOUT)
                                .received()
                                .volume())
                        .isEqualTo(3);
                assertThat(fallbacks).isEmpty();
            } finally {
                statement.execute("reset role");
            }
        } finally {
            fixture.run("drop owned by usagekit_feed_reader", "drop role usagekit_feed_reader");
        }
    }

    /** Retained sums stay, and the function of their triggers inserts ids of the former type. */
    @Test
    void letsRollupsBeInstalledWhereProjectIdsWereGivenAnotherType() {
        fixture.of.rollups.deleteBefore(Instant.parse("2026-03-17T11:00:00Z"), new RetentionProgress() {});
        fixture.of.runWorker();
        for (String type : List.of("varchar(40)", "text")) {
            fixture.run(
                    "alter table {s}.projects alter column id type " + type,
                    "alter table {s}.events alter column project_id type " + type,
                    "alter table {s}.event_deliveries alter column project_id type " + type);
            fixture.of.rollups.install();
            assertThat(fixture.count("select count(*) from pg_trigger where tgname like 'usagekit_feed_%'"
                            + " and tgrelid = '\"" + fixture.of.rollups.schema() + "\".retained'::regclass"))
                    .isZero();
            fixture.of.runWorker();
            fixture.assertExact(true);
            assertThat(fixture.daysFromStore).isEqualTo(-1);
            fixture.feed.install();
            fixture.ship();
            fixture.assertExact(true);
            assertThat(fixture.daysFromStore).isEqualTo(31);
        }
    }
}
