package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.testing.Database;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * What the triggers cost those who write: nothing is noted for recent rows; and how much longer the server's process is at it, which
 * depends on the machine and is printed. {@code -Dusagekit.benchmark.events=2000000} takes long enough to measure.
 */
class RollupRecentRowsIT {

    private static final int OPERATIONS = Integer.getInteger("usagekit.benchmark.events", 60_000) / 100;
    private static final int ROUNDS = 21;
    private static final double MEASURABLE_SECONDS = 0.1;
    private static final String RECENT = "'2026-03-17T12:10:00Z'";

    private RollupFixture plain;
    private RollupFixture rolled;
    private RollupFixture counted;

    @BeforeEach
    void begin() {
        plain = gatewayTables();
        PostgresUsage.installIndexes(Database.pool(), plain.mapping);
        rolled = gatewayTables();
        rolled.rollups.install();
        rolled.runWorker();
        counted = gatewayTables();
        PostgresUsage.installIndexes(Database.pool(), counted.mapping);
        countByTriggers(counted);
    }

    /** The other way to have sums at hand: triggers that count each row where it is written. */
    private static void countByTriggers(RollupFixture scene) {
        scene.run(
                "create table {s}.counter (project_id varchar, bucket timestamptz, received_volume bigint, received_bytes bigint,"
                        + " sent_volume bigint, sent_bytes bigint, primary key (project_id, bucket))",
                "create function {s}.count_event() returns trigger language plpgsql as $$ begin insert into {s}.counter as c values"
                        + " (new.project_id, date_trunc('hour', new.created_at, 'UTC'), 1, octet_length(new.raw) +"
                        + " octet_length(new.data), 0, 0) on conflict (project_id, bucket) do update set received_volume ="
                        + " c.received_volume + 1, received_bytes = c.received_bytes + excluded.received_bytes; return null;"
                        + " end $$",
                "create function {s}.count_delivery() returns trigger language plpgsql as $$ begin insert into {s}.counter as c"
                        + " select new.project_id, date_trunc('hour', new.created_at, 'UTC'), 0, 0, 1, octet_length(e.raw) +"
                        + " octet_length(e.data) from {s}.events e where e.id = new.event_id on conflict (project_id, bucket) do"
                        + " update set sent_volume = c.sent_volume + 1, sent_bytes = c.sent_bytes + excluded.sent_bytes; return"
                        + " null; end $$",
                "create trigger count after insert on {s}.events for each row execute function {s}.count_event()",
                "create trigger count_insert after insert on {s}.event_deliveries for each row when (new.status = 'Success')"
                        + " execute function {s}.count_delivery()",
                "create trigger count_update after update on {s}.event_deliveries for each row when (new.status = 'Success' and"
                        + " old.status <> 'Success') execute function {s}.count_delivery()");
    }

    /** With the indexes that exist there. */
    private static RollupFixture gatewayTables() {
        RollupFixture scene = RollupFixture.tables(Database.pool(), Database.newSchema("tax"));
        scene.run(
                "create index on {s}.events (project_id, created_at) where deleted_at is null",
                "create index on {s}.events (project_id)",
                "create index on {s}.event_deliveries (project_id, created_at)",
                "create index on {s}.event_deliveries (event_id)",
                "create index on {s}.event_deliveries (status)");
        return scene;
    }

    @AfterEach
    void end() {
        plain.close();
        rolled.close();
        counted.close();
    }

    @Test
    void recentRowsLeaveNoNoteBehind() throws SQLException {
        List<Operation> operations = List.of(
                new Operation(
                        "insert of one event",
                        "insert into {s}.events values (?, 'p', repeat('x', 500), '\\xffff', " + RECENT + ", null)",
                        1),
                new Operation(
                        "insert of 100 events",
                        "insert into {s}.events select ? || '-' || n, 'p', repeat('x', 500), '\\xffff', " + RECENT
                                + ", null from generate_series(1, 100) n",
                        20),
                new Operation(
                        "insert of one delivery",
                        "insert into {s}.event_deliveries values (?, 'p', 'r0-0', 'Scheduled', " + RECENT + ")",
                        1),
                new Operation(
                        "change of a status", "update {s}.event_deliveries set status = 'Success' where id = ?", 1));
        try (HikariDataSource pool = Database.newPool(3);
                Connection without = pool.getConnection();
                Connection with = pool.getConnection();
                Connection counting = pool.getConnection()) {
            for (Operation operation : operations) {
                List<Double> plainSeconds = new ArrayList<>();
                List<Double> rolledSeconds = new ArrayList<>();
                List<Double> countedSeconds = new ArrayList<>();
                for (int round = 0; round < ROUNDS; round++) {
                    plainSeconds.add(seconds(without, plain, operation, round));
                    rolledSeconds.add(seconds(with, rolled, operation, round));
                    countedSeconds.add(seconds(counting, counted, operation, round));
                }
                double before = median(plainSeconds);
                double after = median(rolledSeconds);
                double counters = median(countedSeconds);
                if (before >= MEASURABLE_SECONDS) {
                    System.out.printf(
                            Locale.ROOT,
                            "RollupRecentRowsIT: %s: %.1f us of the server's time without triggers, %.1f us with them (%.2fx),"
                                    + " %.1f us with counters kept by triggers (%.2fx)%n",
                            operation.name(),
                            before * 1e6 / operation.times(),
                            after * 1e6 / operation.times(),
                            after / before,
                            counters * 1e6 / operation.times(),
                            counters / before);
                }
            }
            assertThat(counted.count(counting, "select sum(received_volume) from {s}.counter"))
                    .as("the counters count")
                    .isEqualTo(counted.count(counting, "select count(*) from {s}.events"));
            assertThat(rolled.count(with, "select count(*) from {r}.mark")).isZero();
            assertThat(rolled.count(with, "select count(*) from {r}.changed_event"))
                    .isZero();

            rolled.run(with, "update {s}.event_deliveries set created_at = '2026-03-17T11:00:00Z' where id = 'r0-0'");
            assertThat(rolled.count(with, "select count(*) from {r}.mark"))
                    .as("a late row does")
                    .isPositive();
        }
    }

    /** Of what the rounds took, one after the other with and without: what else goes on matters less. */
    private static double median(List<Double> seconds) {
        Collections.sort(seconds);
        return seconds.get(seconds.size() / 2);
    }

    private record Operation(String name, String sql, int weight) {
        int times() {
            return OPERATIONS / weight;
        }
    }

    private static double seconds(Connection connection, RollupFixture scene, Operation operation, int round)
            throws SQLException {
        try (PreparedStatement prepared = connection.prepareStatement(scene.sql(operation.sql()))) {
            long pid = scene.count(connection, "select pg_backend_pid()");
            double before = processSeconds(pid);
            for (int i = 0; i < operation.times(); i++) {
                prepared.setString(1, "r" + round + "-" + i);
                prepared.executeUpdate();
            }
            return processSeconds(pid) - before;
        }
    }

    /** Processor time of a process on this machine, in steps of 10 ms; or else the time on the wall. */
    private static double processSeconds(long pid) {
        Optional<String> stat = stat(pid);
        if (stat.isEmpty()) {
            return System.nanoTime() / 1e9;
        }
        String[] fields = stat.get().substring(stat.get().lastIndexOf(')') + 2).split(" ", -1);
        return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / 100.0;
    }

    private static Optional<String> stat(long pid) {
        Path file = Path.of("/proc", Long.toString(pid), "stat");
        try {
            return Files.exists(file) ? Optional.of(Files.readString(file)) : Optional.empty();
        } catch (IOException e) {
            return Optional.empty();
        }
    }
}
