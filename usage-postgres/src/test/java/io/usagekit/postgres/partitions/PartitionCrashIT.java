package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.UsageCalculationException;
import io.usagekit.postgres.rollups.VerificationProgress;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.ManualClock;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A rebuild is ended at each point, once by its server sessions and otherwise by itself; hosts go on; the next run ends right. */
class PartitionCrashIT {

    private static final PartitionProgress NOBODY = new PartitionProgress() {};

    private final ManualClock clock = ManualClock.at("2026-03-17T12:00:00Z");
    private final HikariDataSource pool = named("rebuild");
    private PartitionFixture scene;

    private static HikariDataSource named(String application) {
        try (HikariDataSource any = Database.newPool(1)) {
            String url = any.getJdbcUrl();
            return Database.pool(url + (url.contains("?") ? "&" : "?") + "ApplicationName=" + application);
        }
    }

    @BeforeEach
    void begin() {
        scene = PartitionFixture.own(Database.pool(), Database.newSchema("crash"));
        scene.installRollups(clock);
    }

    @AfterEach
    void end() {
        scene.close();
        pool.close();
    }

    private static final class Crash extends RuntimeException {
        private static final long serialVersionUID = 1;
    }

    private PostgresPartitions partitions(RewriteOptions.Probe probe) {
        return PostgresPartitions.builder(pool)
                .mapping(scene.mapping)
                .clock(clock)
                .options(RewriteOptions.DEFAULT.batchesOf(200).probe(probe))
                .build();
    }

    /** The sessions of the pool, which are nobody else's, end; what they were about fails. */
    private void terminate() {
        assertThat(Database.column(
                        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'rebuild'"))
                .contains("t");
    }

    /** Ends it at the first time that it comes there; says whether it did. */
    private boolean crashes(Optional<PartitionInterval> target, RewriteOptions.Point at, boolean sessions) {
        boolean[] reached = {false};
        boolean[] written = {false};
        PostgresPartitions partitions = partitions(point -> {
            if (point == RewriteOptions.Point.COPIED && !written[0]) {
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
            assertThatThrownBy(() -> into(partitions, target))
                    .as("%s", at)
                    .isInstanceOf(UsageCalculationException.class);
            pool.getHikariPoolMXBean().softEvictConnections();
        } else {
            assertThatThrownBy(() -> into(partitions, target)).as("%s", at).isInstanceOf(Crash.class);
        }
        return reached[0];
    }

    private static void into(PostgresPartitions partitions, Optional<PartitionInterval> target) {
        if (target.isPresent()) {
            partitions.partition(target.get(), NOBODY);
        } else {
            partitions.unpartition(NOBODY);
        }
    }

    /** Something to be noticed: rows come, change, move and go. */
    private void write(String id) {
        scene.run(
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

    private void interruptedAtEachPoint(boolean sessions, List<RewriteOptions.Point> points) {
        List<String> plain = scene.description();
        for (RewriteOptions.Point at : points) {
            for (Optional<PartitionInterval> target :
                    List.of(Optional.of(PartitionInterval.MONTH), Optional.<PartitionInterval>empty())) {
                assertThat(crashes(target, at, sessions))
                        .as("%s is reached", at)
                        .isTrue();
                write(at.name() + target.isPresent());
                String rows = scene.rows();
                into(partitions(point -> {}), target);
                assertThat(scene.rows()).as("%s, %s", at, target).isEqualTo(rows);
                assertThat(PartitionFixture.essence(scene.description()))
                        .as("%s, %s", at, target)
                        .containsExactlyInAnyOrderElementsOf(
                                PartitionFixture.essence(target.isPresent() ? scene.partitioned(plain) : plain));
            }
            assertThat(scene.rollups.verify(new VerificationProgress() {})).isZero();
            assertThat(scene.rollups.status().orElseThrow().coveredBefore()).isPresent();
        }
        assertThat(scene.one("select to_regnamespace('" + scene.schema + "_partitions') is null"))
                .isEqualTo("t");
    }

    @Test
    void whatIsEndedByItselfGoesOn() {
        interruptedAtEachPoint(false, List.of(RewriteOptions.Point.values()));
    }

    @Test
    void whatIsEndedByTheServerGoesOn() {
        interruptedAtEachPoint(
                true,
                List.of(
                        RewriteOptions.Point.COPIED_UNCOMMITTED,
                        RewriteOptions.Point.RENEWED_UNCOMMITTED,
                        RewriteOptions.Point.WRITERS_LOCKED,
                        RewriteOptions.Point.SWAPPED_UNCOMMITTED));
    }

    /** The other direction takes back what has been begun, whatever has been done of it. */
    @Test
    void whatIsBegunIsTakenBack() {
        List<String> plain = scene.description();
        for (RewriteOptions.Point at :
                List.of(RewriteOptions.Point.BEGUN, RewriteOptions.Point.COPIED, RewriteOptions.Point.DRAINED)) {
            assertThat(crashes(Optional.of(PartitionInterval.MONTH), at, false)).isTrue();
            assertThat(partitions(point -> {}).status().events().rebuild())
                    .get()
                    .extracting(PartitionStatus.Rebuild::target)
                    .isEqualTo(Optional.of(PartitionInterval.MONTH));
            into(partitions(point -> {}), Optional.empty());
            assertThat(PartitionFixture.essence(scene.description()))
                    .as("%s", at)
                    .containsExactlyInAnyOrderElementsOf(PartitionFixture.essence(plain));
        }
        assertThat(scene.one("select to_regnamespace('" + scene.schema + "_partitions') is null"))
                .isEqualTo("t");
    }
}
