package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.rollups.spi.RollupFeed;
import io.usagekit.servers.EmbeddedPostgresServer;
import java.sql.SQLException;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Publications that contain tables which are yet to be created. */
class RollupPublicationsIT {

    private static EmbeddedPostgresServer server;

    @BeforeAll
    static void start() {
        server = EmbeddedPostgresServer.start(Map.of("wal_level", "logical"));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    @ParameterizedTest
    @ValueSource(strings = {"all tables", "tables in schema {r}"})
    void installRefusesToSendTablesThatSubscribersLack(String published) {
        try (RollupFixture fixture = RollupFixture.tables(server.dataSource(), "published")) {
            fixture.run("create schema {r}", "create publication everything for " + published);
            fixture.run("select pg_create_logical_replication_slot('subscriber', 'pgoutput')");
            try {
                assertThatThrownBy(fixture.rollups::install)
                        .isInstanceOf(UsageStorageException.class)
                        .hasMessageContaining("can't be installed: the publication everything of")
                        .hasMessageContaining("a subscription ends at the first row of a table that it doesn't know")
                        .hasMessageContaining("create publication ... for table");
                assertThat(fixture.rollups.status()).isEmpty();
                fixture.run("drop publication everything", "create publication everything for table {s}.events");
                fixture.rollups.install();
            } finally {
                fixture.run("select pg_drop_replication_slot('subscriber')", "drop publication everything");
            }
        }
    }

    /** The host and the worker change rows of all tables. */
    @Test
    void allTablesCanBePublished() throws SQLException {
        try (RollupFixture fixture = RollupFixture.tables(server.dataSource(), "identified")) {
            fixture.run("create publication everything for all tables");
            try {
                fixture.rollups.install();
                fixture.run(
                        "insert into {s}.events values ('e', 'p', 'seven b', '', '2026-03-17T09:10:00Z')",
                        "insert into {s}.event_deliveries values ('d', 'p', 'e', 'Success', '2026-03-17T09:10:00Z')");
                assertThat(fixture.runWorker().finished()).isTrue();
                fixture.run(
                        "insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T09:10:00Z')",
                        "update {s}.events set raw = 'longer' where id = 'e'",
                        "delete from {s}.events where id = 'e'");
                assertThat(fixture.runWorker().finished()).isTrue();
                FigureComparison.Pair pair = fixture.read();
                assertThat(pair.rolled()).isEqualTo(pair.raw());
                assertThat(pair.raw().received().bytes()).isEqualTo(4);
            } finally {
                fixture.run("drop publication everything");
            }
        }
    }

    /** A cycle deletes from the ship list, which has no key. */
    @Test
    void tablesOfAFeedCanBePublished() {
        try (RollupFixture fixture = RollupFixture.ofLastMonth(server.dataSource(), "feed_published")) {
            RollupFeed feed = fixture.rollups.feed();
            fixture.run(
                    "create publication everything for all tables",
                    "select pg_create_logical_replication_slot('subscriber', 'pgoutput')");
            try {
                assertThatThrownBy(feed::install)
                        .hasMessageContaining("can't be installed: the publication everything");
                fixture.run("select pg_drop_replication_slot('subscriber')");
                feed.install();
                assertThat(feed.ship(new MemoryStore(), 10, Duration.ofSeconds(30)))
                        .hasValueSatisfying(cycle -> assertThat(cycle.hours()).isEqualTo(3));
            } finally {
                fixture.run("drop publication everything");
                feed.uninstall();
            }
        }
    }
}
