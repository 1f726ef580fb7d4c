package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OwnDatabase;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.postgresql.PGConnection;

/**
 * A copy of tables and roll-ups in another database, as a dump, a clone or logical replication makes it: tables are created again and
 * filled, and sequences have the value that the copy had or an older one.
 */
class RollupCloneIT {

    private static final String BEFORE = "2026-03-10T10:10:10Z";

    private RestoreFixture source;
    private OwnDatabase database;
    private HikariDataSource pool;

    @BeforeEach
    void begin() {
        source = RestoreFixture.create(Database.pool());
        database = OwnDatabase.create("clone");
        pool = database.pool();
    }

    @AfterEach
    void end() {
        database.close();
        source.close();
    }

    /** Copies everything but the sequences into the other database. */
    private RestoreFixture copied() throws SQLException, IOException {
        RestoreFixture clone = source.emptyIn(pool);
        for (String table : List.of("projects", "events", "event_deliveries")) {
            copy(clone, "{s}." + table);
            copy(clone, "{copy}." + table);
        }
        clone.rollups().install();
        for (String table : Database.column(
                "select relname from pg_class where relnamespace = ?::regnamespace and relkind = 'r' order by oid",
                source.schema + "_rollups")) {
            clone.run("truncate {r}." + table);
            copy(clone, "{r}." + table);
        }
        return clone;
    }

    private void copy(RestoreFixture clone, String table) throws SQLException, IOException {
        ByteArrayOutputStream rows = new ByteArrayOutputStream();
        try (Connection from = source.dataSource.getConnection();
                Connection into = pool.getConnection()) {
            from.unwrap(PGConnection.class)
                    .getCopyAPI()
                    .copyOut(source.sql("copy " + table + " to stdout", source.schema), rows);
            into.unwrap(PGConnection.class)
                    .getCopyAPI()
                    .copyIn(
                            clone.sql("copy " + table + " from stdin", clone.schema),
                            new ByteArrayInputStream(rows.toByteArray()));
        }
    }

    private long watermark() {
        return Long.parseLong(Database.query(source.sql("select last_value from {r}.mark_before", source.schema)));
    }

    private static void assertFollowed(RestoreFixture clone) {
        PostgresRollups rollups = clone.rollups();
        clone.assertExact(rollups, "ALTERED");
        clone.writeLate(clone.schema);
        clone.assertExact(rollups, "ALTERED");
        clone.roll(rollups);
        clone.assertRolled(rollups);
        clone.writeLater();
        clone.assertRolled(rollups);
        rollups.install();
        clone.assertRolled(rollups);
    }

    @Test
    void followsADumpRestoredIntoAnotherDatabase() throws SQLException, IOException {
        source.install("");
        RestoreFixture clone = copied();
        clone.run("select setval('{r}.mark_before', " + watermark() + ")");
        assertFollowed(clone);
    }

    @Tag("thorough")
    @Test
    void addsWhatWasRetainedBeforeTheDump() throws SQLException, IOException {
        source.install(BEFORE);
        RestoreFixture clone = copied();
        clone.run("select setval('{r}.mark_before', " + watermark() + ")");
        assertFollowed(clone);
    }

    @Tag("thorough")
    @Test
    void installsOverADumpThatWasRestoredIntoAnotherDatabase() throws SQLException, IOException {
        source.install(BEFORE);
        RestoreFixture clone = copied();
        clone.rollups().install();
        clone.assertExact(clone.rollups(), "NOT_COVERING");
        clone.writeLate(clone.schema);
        clone.roll(clone.rollups());
        clone.assertRolled(clone.rollups());
    }

    /** Logical replication copies no sequences: the copy that was made the primary has a watermark behind the rolled hours. */
    @Test
    void followsALogicalCopyWhoseSequenceIsBehind() throws SQLException, IOException {
        source.install(BEFORE);
        RestoreFixture clone = copied();
        clone.run("select setval('{r}.mark_before', -62135596800)");
        assertThat(clone.rollups().status().orElseThrow().alterations())
                .anySatisfy(words -> assertThat(words).contains("mark_before is behind"));
        assertFollowed(clone);
    }

    @Tag("thorough")
    @Test
    void followsALogicalCopyWhoseSequenceWasNeverSet() throws SQLException, IOException {
        source.install("");
        RestoreFixture clone = copied();
        clone.run("alter sequence {r}.mark_before restart");
        assertFollowed(clone);
    }
}
