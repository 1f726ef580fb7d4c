package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageMetrics;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.SQLException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the trigger of an updated event notices, and what it reads for that. */
class RollupUpdatesIT {

    /** A document of 100 kB, which PostgreSQL keeps outside of the row. */
    private static final String DOCUMENT =
            "json_build_object('d', (select string_agg(md5(n::text), '') from generate_series(1, 3125) n))";

    private RollupFixture fixture;

    @BeforeEach
    void begin() {
        fixture = RollupFixture.rolled(Database.pool(), Database.newSchema("updates"));
    }

    @AfterEach
    void end() {
        fixture.close();
    }

    // A column that a host's trigger changes, though the statement doesn't set it.

    private void changeSizeByTriggerOfTheHost() {
        fixture.run(
                "alter table {s}.events add column note text",
                "create function {s}.own() returns trigger language plpgsql as $$ begin new.raw := 'twelve bytes'; return new;"
                        + " end $$",
                "create trigger own before update on {s}.events for each row execute function {s}.own()",
                "update {s}.events set note = 'changed' where id = 'e9'",
                "drop trigger own on {s}.events");
        assertThat(fixture.read().raw().received()).isEqualTo(new UsageMetrics(3, 7 + 7 + 12));
    }

    @Test
    void countsSizesThatAnotherTriggerChanges() {
        changeSizeByTriggerOfTheHost();
        fixture.assertExact(true);
        fixture.runWorker();
        fixture.assertExact(true);
    }

    /** PostgreSQL asks only which columns the statement sets. */
    @Test
    void missesSizesThatAnotherTriggerChangesWithAListOfColumns() {
        fixture.run(
                "do $$ declare name text := (select tgname from pg_trigger where tgrelid = '{s}.events'::regclass and tgname like"
                        + " 'usagekit_update_%'); begin execute format('drop trigger %I on {s}.events', name); execute format('create trigger %I after"
                        + " update of id, project_id, raw, data, created_at, deleted_at on {s}.events for each row execute function"
                        + " {r}.event_updated()', name);"
                        + " execute format('alter table {s}.events enable always trigger %I', name); end $$",
                WeakenedStatements.RECORD_FUNCTIONS);
        fixture.assertExact(true);
        changeSizeByTriggerOfTheHost();
        fixture.assertExact(false);
    }

    // A large document that an update doesn't change.

    /** Runs an update and returns how many blocks of documents this transaction has read for it. */
    private long blocksOfDocumentsReadBy(Connection connection, String update) throws SQLException {
        String read =
                "select pg_stat_get_xact_blocks_fetched(reltoastrelid) from pg_class where oid = '{s}.documents'::regclass";
        long before = fixture.count(connection, read);
        assertThat(fixture.run(connection, update)).isPositive();
        return fixture.count(connection, read) - before;
    }

    /** PostgreSQL says from version 17 on which stored value a column refers to; before, the value itself is read. */
    @ParameterizedTest
    @ValueSource(strings = {"json", "jsonb"})
    void readsALargeDocumentThatDidNotChangeBeforePostgres17Only(String type) throws SQLException {
        fixture.run(
                "create table {s}.documents (id varchar primary key, project_id varchar, document " + type
                        + ", created_at timestamptz, deleted_at timestamptz, note text)",
                "insert into {s}.documents select 'd' || h, 'p', " + DOCUMENT
                        + ", timestamptz '2026-03-17Z' + h * interval '1 hour', null, '' from generate_series(10, 12, 2) h");
        TableMapping mapping = fixture.mapping.toBuilder()
                .events("documents")
                .payload("document")
                .build();
        PostgresRollups rollups = PostgresRollups.builder(fixture.dataSource)
                .mapping(mapping)
                .schema(fixture.schema + "_documents")
                .clock(fixture.clock)
                .build();
        rollups.install();
        try (RollupWorker worker = rollups.worker().build()) {
            assertThat(worker.runOnce().finished()).isTrue();
        }
        boolean isRead = Integer.parseInt(Database.query("show server_version_num")) < 170_000;
        try (Connection host = fixture.begin()) {
            assertThat(blocksOfDocumentsReadBy(host, "update {s}.documents set note = 'changed'") > 0)
                    .isEqualTo(isRead);
            assertThat(blocksOfDocumentsReadBy(host, "update {s}.documents set deleted_at = now() where id = 'd10'")
                            > 0)
                    .isEqualTo(isRead);
            assertThat(blocksOfDocumentsReadBy(host, "update {s}.documents set document = '{}' where id = 'd10'"))
                    .isPositive();
            host.commit();
        }
        assertThat(Database.query("select count(*) from \"" + rollups.schema() + "\".mark"))
                .as("marks of the event of a rolled hour, which was deleted and emptied")
                .isEqualTo("2");
        assertThat(Database.query("select count(*) from \"" + rollups.schema() + "\".changed_event"))
                .as("changes of a size")
                .isEqualTo("1");
        rollups.remove();
    }
}
