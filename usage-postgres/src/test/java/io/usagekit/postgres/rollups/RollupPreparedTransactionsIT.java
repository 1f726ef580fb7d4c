package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.servers.EmbeddedPostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Prepared transactions, which hold their locks without a process, are waited for like any other writer. */
class RollupPreparedTransactionsIT {

    private static EmbeddedPostgresServer server;

    @BeforeAll
    static void start() {
        server = EmbeddedPostgresServer.start(Map.of("max_prepared_transactions", "5"));
    }

    @AfterAll
    static void stop() {
        server.close();
    }

    private void prepareWriterDuringWait(RollupTransactions.Point when, SqlSource statements, boolean exact)
            throws SQLException {
        try (RollupFixture fixture = RollupFixture.rolled(server.dataSource(), "prepared");
                Connection writer = fixture.begin();
                RollupWorker worker = fixture.worker()
                        .waitForWriters(Duration.ofMillis(200))
                        .statements(statements)
                        .probe((step, point) -> {
                            if (step == RollupTransactions.Step.ADVANCE && point == when) {
                                fixture.run(writer, "prepare transaction 'paid'");
                            }
                        })
                        .build()) {
            fixture.run(writer, "insert into {s}.events values ('late', 'p', 'late', '', '2026-03-17T12:30:00Z')");
            fixture.clock.advance(Duration.ofHours(1));
            RollupRunResult run = worker.runOnce();
            assertThat(run.waitedFor()).isEqualTo(exact ? List.of("a prepared transaction") : List.of());
            fixture.run("commit prepared 'paid'");
            FigureComparison.Pair pair = fixture.read();
            assertThat(pair.rolled().equals(pair.raw())).isEqualTo(exact);
            if (exact) {
                assertThat(fixture.runWorker().finished()).isTrue();
                pair = fixture.read();
                assertThat(pair.rolled()).isEqualTo(pair.raw());
                assertThat(pair.raw().received().volume()).isEqualTo(4);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"PUBLISHED", "WRITERS_LISTED"})
    void waitsForPreparedTransactions(String when) throws SQLException {
        prepareWriterDuringWait(RollupTransactions.Point.valueOf(when), RollupSql.SOURCE, true);
    }

    @ParameterizedTest
    @ValueSource(strings = {"PUBLISHED", "WRITERS_LISTED"})
    void missesPreparedTransactionWithoutWaitingForIt(String when) throws SQLException {
        prepareWriterDuringWait(
                RollupTransactions.Point.valueOf(when), WeakenedStatements.withoutWaitForPrepared(), false);
    }
}
