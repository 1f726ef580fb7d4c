package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.servers.EmbeddedPostgresServer;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** New partitions whose rows a publication would send to subscribers that don't have them. */
class PublishedPartitionsIT {

    private static EmbeddedPostgresServer server;

    @BeforeAll
    static void start() {
        server = EmbeddedPostgresServer.start(Map.of("wal_level", "logical"));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private static void run(String... statements) {
        try (Connection connection = server.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(sql);
            }
        } catch (SQLException e) {
            throw new AssertionError(e.getMessage(), e);
        }
    }

    private static PostgresPartitions.Builder builder() {
        ManualClock clock = ManualClock.at("2026-03-17T12:00:00Z");
        TableMapping mapping = TableMapping.gateway("published");
        return PostgresPartitions.builder(server.dataSource())
                .mapping(mapping)
                .rollups(PostgresRollups.builder(server.dataSource())
                        .mapping(mapping)
                        .clock(clock)
                        .build())
                .clock(clock)
                .ahead(1);
    }

    @BeforeEach
    void create() {
        run(
                "create schema published",
                "create table published.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table published.events (id varchar, project_id varchar, raw text not null default '', data bytea not null"
                        + " default '', created_at timestamptz not null, deleted_at timestamptz) partition by range (created_at)",
                "create table published.event_deliveries (id varchar primary key, project_id varchar, event_id varchar, status text,"
                        + " created_at timestamptz not null)",
                "create table published.events_17 partition of published.events for values from ('2026-03-17Z') to ('2026-03-18Z')",
                "select pg_create_logical_replication_slot('subscriber', 'pgoutput')");
    }

    @AfterEach
    void drop() {
        run(
                "drop publication if exists everything",
                "select pg_drop_replication_slot('subscriber')",
                "drop schema if exists published_partitions cascade",
                "drop schema published cascade");
    }

    @Tag("thorough")
    @ParameterizedTest
    @ValueSource(strings = {"all tables", "tables in schema published", "table published.events"})
    void areRefused(String published) {
        run("create publication everything for " + published);

        assertThatThrownBy(() -> builder().build().createAhead())
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("new partitions of \"published\".\"events\" would be sent to subscribers")
                .hasMessageContaining("the publication everything")
                .hasMessageContaining("publish_via_partition_root")
                .hasMessageContaining("createPublished()");

        run("alter publication everything set (publish_via_partition_root)");
        assertThat(builder().build().createAhead().created()).hasSize(1);
        run("alter publication everything set (publish_via_partition_root = false)");
        assertThat(builder().build().createAhead().refused())
                .as("all of them exist")
                .isEmpty();
    }

    @Test
    void areCreatedWhereSubscribersHaveThem() {
        run("create publication everything for table published.events");
        assertThat(builder().createPublished().build().createAhead().created()).hasSize(1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"table published.projects", "table published.event_deliveries", "table published.events_17"})
    void areCreatedWhereOthersArePublished(String published) {
        run("create publication everything for " + published);
        assertThat(builder().build().createAhead().created()).hasSize(1);
    }

    /** Those of the library, published after the tables were partitioned. */
    @Tag("thorough")
    @Test
    void areRefusedInTablesOfTheLibrary() {
        run(
                "drop table published.events",
                "create table published.events (id varchar primary key, project_id varchar, raw text"
                        + " not null default '', data bytea not null default '', created_at timestamptz not null, deleted_at timestamptz)");
        builder().build().partition(PartitionInterval.DAY, PartitionProgress.NONE);
        run("create publication everything for all tables");

        assertThat(builder().build().createAhead().refused()).isEmpty();
        assertThatThrownBy(() -> builder().ahead(3).build().createAhead())
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining("the publication everything");
        assertThat(builder().ahead(3).createPublished().build().createAhead().created())
                .hasSize(4);
    }
}
