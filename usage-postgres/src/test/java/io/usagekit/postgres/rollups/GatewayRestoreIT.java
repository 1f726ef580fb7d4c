package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.postgres.testing.Database;
import io.usagekit.servers.EmbeddedPostgresServer;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * A gateway's tables restored by the real {@code pg_dump} and {@code pg_restore}, wholly and in part: each figure is right at once, or is
 * refused in words. The transcript is printed. Runs in {@code -Pthorough} where the machine has tools for the server's version;
 * {@link RollupRestoreIT} does in SQL what they do.
 */
@Tag("thorough")
@Timeout(value = 10, unit = TimeUnit.MINUTES)
class GatewayRestoreIT {

    @TempDir
    private Path directory;

    private EmbeddedPostgresServer server;
    private HikariDataSource pool;
    private DumpTools tools;
    private GatewayReplay replay;

    @BeforeEach
    void begin() throws SQLException {
        server = EmbeddedPostgresServer.start();
        pool = Database.pool(server.jdbcUrl());
        tools = requireTools();
        replay = GatewayReplay.begin(pool);
    }

    @AfterEach
    void end() {
        pool.close();
        server.close();
    }

    private DumpTools requireTools() throws SQLException {
        int version;
        try (Connection connection = pool.getConnection()) {
            version = connection.getMetaData().getDatabaseMajorVersion();
        }
        String url = server.jdbcUrl();
        int port = Integer.parseInt(url.replaceFirst(".*:(\\d+)/.*", "$1"));
        Optional<DumpTools> found = DumpTools.find(port);
        assumeTrue(found.isPresent() && found.get().version() >= version, () -> {
            String why = "this machine has "
                    + found.map(tool -> "pg_dump " + tool.version()).orElse("no pg_dump")
                    + ", the server is PostgreSQL "
                    + version;
            System.out.println("SKIPPED GatewayRestoreIT: " + why);
            return why;
        });
        return found.orElseThrow();
    }

    private Path dump(String name, String... options) {
        Path file = tools.dump("postgres", directory.resolve(name), options);
        replay.say("a dump is made: " + name, "pg_dump --format=custom " + String.join(" ", options));
        return file;
    }

    private void restore(String step, Path dump, String... options) {
        restoreInto("postgres", step, dump, options);
    }

    private void restoreInto(String database, String step, Path dump, String... options) {
        String ignored = tools.restore(database, dump, options);
        replay.say(
                step + (ignored.isBlank() ? "" : " (" + ignored.lines().count() + " lines of messages)"),
                "pg_restore " + String.join(" ", options) + " " + dump.getFileName());
        if (!ignored.isBlank()) {
            System.out.println(step + ":\n" + ignored);
        }
    }

    @Test
    void everyFigureIsRightOrRefusedInWords() {
        replay.exact("the roll-ups are installed, and all hours rolled", "rolled");
        retain("2026-02-10T00:00:00Z");
        restoreTables();
        restoreOneTable();
        restoreRows();
        restoreBeforeRetention();
        restoreIntoAnotherDatabase();
        replay.print("GatewayRestoreIT");
    }

    private void retain(String before) {
        assertThat(replay.rollups()
                        .deleteBefore(Instant.parse(before), new RetentionProgress() {})
                        .events())
                .isPositive();
        replay.say("the library's retention", "rollups.deleteBefore(" + before + ", ...)");
        replay.exact("the next read", "rolled");
    }

    private void restoreTables() {
        Path dump = dump("tables", "--schema=convoy", "--schema=copy");
        replay.writeLate();
        replay.exact("the host writes late rows", "rolled");
        restore("the gateway's schema is restored", dump, "--clean", "--if-exists", "--schema=convoy", "--schema=copy");
        replay.exactFromRawRows("the next read");
        replay.writeLate();
        replay.exactFromRawRows("the host writes late rows");
        replay.roll();
        replay.exact("a run of the worker", "rolled");
        replay.writeLate();
        replay.exact("the host writes late rows", "rolled");
    }

    private void restoreOneTable() {
        Path dump = dump("deliveries", "--schema=convoy", "--schema=copy");
        replay.writeLate();
        replay.exact("the host writes late rows", "rolled");
        replay.run(
                "the table of deliveries is dropped by mistake",
                "drop table {s}.event_deliveries cascade; drop table copy.event_deliveries cascade");
        replay.refused("the next read", "event_deliveries");
        restore(
                "and restored alone, without its indexes and triggers",
                dump,
                "--schema=convoy",
                "--schema=copy",
                "--table=event_deliveries");
        replay.exactFromRawRows("the next read");
        replay.run("its key is created", "alter table {s}.event_deliveries add primary key (id)");
        replay.writeLate();
        replay.exactFromRawRows("the host writes late rows");
        replay.installAndRoll();
        replay.exact("install() and a run of the worker", "rolled");
    }

    private void restoreRows() {
        Path dump = dump("rows", "--schema=convoy", "--schema=copy");
        replay.writeLate();
        replay.run(
                "the gateway's tables are emptied",
                "truncate {s}.delivery_attempts, {s}.event_deliveries, {s}.events;"
                        + " truncate copy.delivery_attempts, copy.event_deliveries, copy.events");
        restore(
                "and their rows restored",
                dump,
                "--data-only",
                "--disable-triggers",
                "--schema=convoy",
                "--schema=copy",
                "--table=events",
                "--table=event_deliveries",
                "--table=delivery_attempts");
        replay.exact("the next read", "ALTERED", "NOT_COVERING");
        replay.writeLate();
        replay.exact("the host writes late rows", "ALTERED", "NOT_COVERING");
        replay.installAndRoll();
        replay.exact("install() and a run of the worker", "rolled");
    }

    private void restoreBeforeRetention() {
        Path tables = dump("before", "--schema=convoy");
        Path sums = dump("sums", "--schema=convoy_rollups");
        retain("2026-02-20T00:00:00Z");
        restore(
                "the tables of before that retention are restored",
                tables,
                "--clean",
                "--if-exists",
                "--schema=convoy");
        replay.refused("the next read", "would count twice", "acceptRetained()", "removeWithRetained()");
        restore("and the roll-ups of the same time", sums, "--clean", "--if-exists", "--schema=convoy_rollups");
        replay.refused("the next read", "acceptRetained()");
        replay.rollups().acceptRetained();
        replay.say("the operator accepts the sums", "rollups.acceptRetained()");
        replay.exactFromRawRows("the next read");
        replay.writeLate();
        replay.exactFromRawRows("the host writes late rows");
        replay.installAndRoll();
        replay.exact("install() and a run of the worker", "rolled");
    }

    private void restoreIntoAnotherDatabase() {
        Path dump = dump("database", "--schema=convoy", "--schema=convoy_rollups");
        FixtureSql.run(pool, "create database another");
        restoreInto("another", "both schemas are restored into another database", dump);
        try (HikariDataSource other = Database.pool(server.jdbcUrl().replace("/postgres?", "/another?"))) {
            replay.continueOn(other);
            replay.exactFromRawRows("the next read, there");
            replay.writeLate();
            replay.exactFromRawRows("the host writes late rows");
            replay.roll();
            replay.exact("a run of the worker", "rolled");
            replay.writeLate();
            replay.exact("the host writes late rows", "rolled");
        }
    }
}
