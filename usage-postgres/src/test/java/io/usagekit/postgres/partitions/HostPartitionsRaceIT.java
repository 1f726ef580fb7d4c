package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.LockRetrier;
import io.usagekit.postgres.internal.PartitionGuard;
import io.usagekit.postgres.rollups.FigureComparison;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.ManualClock;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.time.YearMonth;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Partitions of one project, created and dropped while another session drops or detaches one with rows of another project. */
class HostPartitionsRaceIT {

    private static final UsageKey MARCH = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final Instant NOW = Instant.parse("2026-03-17T12:00:00Z");

    private static final String DETACH = "alter table {s}.events_q detach partition {s}.events_q_16";
    private static final String DROP = "drop table {s}.events_q_16";

    private final String schema = Database.newSchema("race");
    private final TableMapping mapping = TableMapping.gateway(schema);
    private final PostgresRollups rollups = PostgresRollups.builder(Database.pool())
            .mapping(mapping)
            .clock(ManualClock.at(NOW.toString()))
            .build();
    private final RewriteSql sql =
            new RewriteSql(mapping, RewriteSql.Role.EVENTS, schema + "_partitions", RewriteSql.FILES);
    private final LockRetrier locks = new LockRetrier(new Jdbc(Database.pool()), LockRetrier.Pace.DEFAULT);
    private final List<String> refused = new ArrayList<>();

    @BeforeEach
    void create() {
        run(
                "create schema {s}",
                "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table {s}.events (id varchar, project_id varchar, raw text, data bytea, created_at timestamptz not null, deleted_at"
                        + " timestamptz) partition by list (project_id)",
                "create table {s}.event_deliveries (id varchar, project_id varchar, event_id varchar, status text, created_at timestamptz not null)",
                "insert into {s}.projects values ('p', 'org-123'), ('q', 'org-123')");
        for (String project : List.of("p", "q")) {
            run("create table {s}.events_" + project + " partition of {s}.events for values in ('" + project
                    + "') partition by range (created_at)");
            for (int day = 16; day <= 17; day++) {
                run("create table {s}.events_" + project + "_" + day + " partition of {s}.events_" + project
                        + " for values from ('2026-03-" + day + "Z') to ('2026-03-" + (day + 1) + "Z')");
            }
        }
        run("insert into {s}.events values ('one', 'q', 'seven b', '', '2026-03-16T10:00:00Z')");
        rollups.install();
        roll();
    }

    @AfterEach
    void drop() {
        rollups.removeWithRetained();
        Database.dropSchema(schema);
    }

    private void run(String... statements) {
        for (String statement : statements) {
            Database.execute(statement.replace("{s}", schema));
        }
    }

    private void roll() {
        try (RollupWorker worker = rollups.worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMinutes(1))
                .build()) {
            assertThat(worker.runOnce().finished()).isTrue();
        }
    }

    /** Runs a statement in a session of its own; gives up after a second if a lock is in the way. */
    private void runElsewhere(String change) throws SQLException {
        try (Connection connection = Database.pool().getConnection();
                Statement statement = connection.createStatement()) {
            connection.setAutoCommit(false);
            statement.execute("set local lock_timeout = '1s'");
            statement.execute(change.replace("{s}", schema));
            connection.commit();
        }
    }

    /** The roll-ups' guard; another session changes partitions as soon as the tables were found intact. */
    private final class Overtaken implements PartitionGuard {

        private final PartitionGuard guard = rollups.partitionGuard();
        private final String change;

        Overtaken(String change) {
            this.change = change;
        }

        @Override
        public boolean isIntact(Connection connection, String role) throws SQLException {
            boolean isIntact = guard.isIntact(connection, role);
            try {
                runElsewhere(change);
            } catch (SQLException e) {
                refused.add(e.getSQLState());
            }
            return isIntact;
        }

        @Override
        public void guardPartitions(Connection connection) throws SQLException {
            guard.guardPartitions(connection);
        }

        @Override
        public void record(Connection connection, String role) throws SQLException {
            guard.record(connection, role);
        }

        @Override
        public Optional<String> retainedDoubt(Connection connection, UsageKey key) throws SQLException {
            return guard.retainedDoubt(connection, key);
        }
    }

    /** Figures from roll-ups, which must not count the row any longer as soon as its partition is gone. */
    private void checkFigures(String change) throws SQLException {
        FigureComparison comparison = new FigureComparison(Database.pool(), rollups, mapping);
        assertThat(comparison.compare(MARCH).rolled().received().volume()).isOne();
        runElsewhere(change);
        FigureComparison.Pair pair = comparison.compare(MARCH);
        assertThat(pair.rolled()).isEqualTo(pair.raw());
        assertThat(pair.raw().received().volume()).isZero();
    }

    private PartitionScheme.Timeline ofProjectP(Connection connection) throws SQLException {
        return HostPartitions.scheme(connection, sql).orElseThrow().timelines().stream()
                .filter(timeline -> timeline.parent().name().equals("events_p"))
                .findFirst()
                .orElseThrow();
    }

    @ParameterizedTest
    @ValueSource(strings = {DETACH, DROP})
    void nothingElseChangesWhilePartitionsAreCreated(String change) throws SQLException {
        HostPartitions partitions = new HostPartitions(sql, new Overtaken(change));

        List<PartitionCatalog.Missing> created =
                locks.run("events_p", connection -> partitions.create(connection, ofProjectP(connection), NOW, 1));

        assertThat(created).hasSize(1);
        assertThat(refused).containsExactly("55P03");
        checkFigures(change);
    }

    @ParameterizedTest
    @ValueSource(strings = {DETACH, DROP})
    void nothingElseChangesWhileAPartitionIsDropped(String change) throws SQLException {
        HostPartitions partitions = new HostPartitions(sql, new Overtaken(change));

        boolean isDropped = locks.run("events_p", connection -> {
            PartitionScheme.Timeline timeline = ofProjectP(connection);
            return partitions.dropIfEmpty(
                    connection, timeline.parent(), timeline.ranges().get(0).partition());
        });

        assertThat(isDropped).isTrue();
        assertThat(refused).containsExactly("55P03");
        checkFigures(change);
    }
}
