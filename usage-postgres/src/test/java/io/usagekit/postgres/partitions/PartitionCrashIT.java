package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.rollups.VerificationProgress;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.Sample;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Interrupts a rewrite at each of its points, by an exception or by ending its server sessions, lets the host write, and checks that the
 * next call completes it. Normally half of the points are tried, chosen at random, by an exception or by the server, partitioning or
 * unpartitioning in turn; with {@code usagekit.thorough} all of them in every way.
 */
@Tag("thorough")
class PartitionCrashIT {

    private static final boolean THOROUGH = Boolean.getBoolean("usagekit.thorough");
    private static final Optional<PartitionInterval> MONTH = Optional.of(PartitionInterval.MONTH);
    private static final Optional<PartitionInterval> PLAIN = Optional.empty();

    private static final List<RewriteProbe.Point> OF_THE_SERVER = List.of(
            RewriteProbe.Point.BATCH_COPIED_UNCOMMITTED,
            RewriteProbe.Point.CHANGES_APPLIED_UNCOMMITTED,
            RewriteProbe.Point.WRITERS_LOCKED,
            RewriteProbe.Point.CUT_OVER_UNCOMMITTED);

    private final HikariDataSource pool = named("rewrite");
    private PartitionFixture tables;

    private static HikariDataSource named(String application) {
        try (HikariDataSource any = Database.newPool(1)) {
            String url = any.getJdbcUrl();
            return Database.pool(url + (url.contains("?") ? "&" : "?") + "ApplicationName=" + application);
        }
    }

    @BeforeEach
    void begin() {
        tables = PartitionFixture.create(Database.pool(), "crash");
        tables.installRollups();
    }

    @AfterEach
    void end() {
        tables.close();
        pool.close();
    }

    private static final class Crash extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    private PostgresPartitions partitions(RewriteProbe probe) {
        return PostgresPartitions.builder(pool)
                .mapping(tables.mapping)
                .clock(tables.clock)
                .batchesOf(200)
                .probe(probe)
                .build();
    }

    /** Ends the sessions of the pool, which only the rewrite uses. */
    private void terminate() {
        assertThat(Database.column(
                        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'rewrite'"))
                .contains("t");
    }

    /** Interrupts a rewrite when it reaches a point for the first time; returns whether it reached it. */
    private boolean crashes(Optional<PartitionInterval> target, RewriteProbe.Point at, boolean sessions) {
        boolean[] reached = {false};
        boolean[] written = {false};
        PostgresPartitions partitions = partitions(point -> {
            if (point == RewriteProbe.Point.BATCH_COPIED && !written[0]) {
                written[0] = true;
                write(at.name() + target.isPresent() + "meanwhile");
            }
            if (point == at && !reached[0]) {
                reached[0] = true;
                if (!sessions) {
                    throw new Crash();
                }
                terminate();
            }
        });
        if (sessions) {
            assertThatThrownBy(() -> into(partitions, target)).as("%s", at).isInstanceOf(UsageStorageException.class);
            pool.getHikariPoolMXBean().softEvictConnections();
        } else {
            assertThatThrownBy(() -> into(partitions, target)).as("%s", at).isInstanceOf(Crash.class);
        }
        return reached[0];
    }

    private static void into(PostgresPartitions partitions, Optional<PartitionInterval> target) {
        if (target.isPresent()) {
            partitions.partition(target.get(), PartitionProgress.NONE);
        } else {
            partitions.unpartition(PartitionProgress.NONE);
        }
    }

    /** Inserts, updates, moves and deletes rows. */
    private void write(String id) {
        tables.run(
                "insert into {s}.events (id, project_id, raw, created_at) values ('" + id
                        + "', 'p', 'written', '2026-01-05Z')",
                "insert into {s}.event_deliveries values ('" + id + "', 'p', '" + id + "', 'Success', '2026-01-06Z')",
                "update {s}.events set raw = raw || '" + id + "' where id = 'e7'",
                "update {s}.events set created_at = created_at + interval '40 days' where id = 'e8'",
                "update {s}.events set created_at = created_at - interval '40 days' where id = 'e8'",
                "update {s}.event_deliveries set created_at = created_at + interval '1 day' where id = 'd9'",
                "delete from {s}.event_deliveries where id = '" + id + "'",
                "delete from {s}.events where id = '" + id + "'");
    }

    /** A rewrite in one direction that is interrupted at a point. */
    private record Interruption(Optional<PartitionInterval> target, RewriteProbe.Point at) {}

    /** Interrupts a partitioning and an unpartitioning in turn. */
    private static List<Interruption> interruptions(List<RewriteProbe.Point> points) {
        List<Interruption> interruptions = new ArrayList<>();
        // An even number: the tables are plain again in the end.
        for (RewriteProbe.Point at : Sample.of(points, points.size() / 4 * 2).toList()) {
            if (THOROUGH) {
                interruptions.add(new Interruption(MONTH, at));
                interruptions.add(new Interruption(PLAIN, at));
            } else {
                interruptions.add(new Interruption(interruptions.size() % 2 == 0 ? MONTH : PLAIN, at));
            }
        }
        return interruptions;
    }

    private void completesWhatIsInterrupted(boolean sessions, List<RewriteProbe.Point> points) {
        List<String> plain = tables.description();
        for (Interruption interruption : interruptions(points)) {
            Optional<PartitionInterval> target = interruption.target();
            assertThat(crashes(target, interruption.at(), sessions))
                    .as("%s is reached", interruption)
                    .isTrue();
            write(interruption.at().name() + target.isPresent());
            String rows = tables.rows();
            into(partitions(RewriteProbe.NONE), target);
            assertThat(tables.rows()).as("%s", interruption).isEqualTo(rows);
            assertThat(PartitionFixture.essence(tables.description()))
                    .as("%s", interruption)
                    .containsExactlyInAnyOrderElementsOf(
                            PartitionFixture.essence(target.isPresent() ? tables.partitioned(plain) : plain));
            if (target.isEmpty()) {
                assertThat(tables.rollups.verify(new VerificationProgress() {})).isZero();
                assertThat(tables.rollups.status().orElseThrow().coveredBefore())
                        .isPresent();
            }
        }
        assertThat(tables.one("select to_regnamespace('" + tables.schema + "_partitions') is null"))
                .isEqualTo("t");
    }

    @Test
    void completesWhatAnExceptionInterrupted() {
        completesWhatIsInterrupted(
                false,
                Stream.of(RewriteProbe.Point.values())
                        .filter(point -> THOROUGH || !OF_THE_SERVER.contains(point))
                        .toList());
    }

    @Test
    void completesWhatTheServerInterrupted() {
        completesWhatIsInterrupted(true, OF_THE_SERVER);
    }

    /** The reverse call undoes an interrupted rewrite, however far it got. */
    @Test
    void undoesWhatIsInterrupted() {
        List<String> plain = tables.description();
        for (RewriteProbe.Point at : List.of(
                RewriteProbe.Point.STARTED, RewriteProbe.Point.BATCH_COPIED, RewriteProbe.Point.CHANGE_LOG_EMPTIED)) {
            assertThat(crashes(Optional.of(PartitionInterval.MONTH), at, false)).isTrue();
            assertThat(partitions(RewriteProbe.NONE).status().events().rewrite())
                    .get()
                    .extracting(PartitionStatus.Rewrite::target)
                    .isEqualTo(Optional.of(PartitionInterval.MONTH));
            into(partitions(RewriteProbe.NONE), Optional.empty());
            assertThat(PartitionFixture.essence(tables.description()))
                    .as("%s", at)
                    .containsExactlyInAnyOrderElementsOf(PartitionFixture.essence(plain));
        }
        assertThat(tables.one("select to_regnamespace('" + tables.schema + "_partitions') is null"))
                .isEqualTo("t");
    }
}
