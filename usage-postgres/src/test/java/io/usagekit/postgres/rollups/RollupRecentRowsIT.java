package io.usagekit.postgres.rollups;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The triggers write nothing for rows of hours that aren't rolled yet: no mark and no changed event. {@code verification/benchmarks} measures
 * what they cost.
 */
class RollupRecentRowsIT {

    private static final int ROWS = 60;
    private static final String RECENT = "'2026-03-17T12:10:00Z'";

    private RollupFixture rolled;

    @BeforeEach
    void roll() {
        rolled = RollupFixture.tables(Database.pool(), Database.newSchema("recent"));
        rolled.rollups.install();
        rolled.runWorker();
    }

    @AfterEach
    void drop() {
        rolled.close();
    }

    @Test
    void recentRowsLeaveNoMark() throws SQLException {
        List<String> operations = List.of(
                "insert into {s}.events values (?, 'p', repeat('x', 500), '\\xffff', " + RECENT + ", null)",
                "insert into {s}.events select ? || '-' || n, 'p', repeat('x', 500), '\\xffff', " + RECENT
                        + ", null from generate_series(1, 100) n",
                "insert into {s}.event_deliveries values (?, 'p', 'r0', 'Scheduled', " + RECENT + ")",
                "update {s}.event_deliveries set status = 'Success' where id = ?");
        try (Connection connection = Database.pool().getConnection()) {
            for (String operation : operations) {
                try (PreparedStatement statement = connection.prepareStatement(rolled.sql(operation))) {
                    for (int i = 0; i < ROWS; i++) {
                        statement.setString(1, "r" + i);
                        assertThat(statement.executeUpdate()).isPositive();
                    }
                }
            }
            assertThat(rolled.count(connection, "select count(*) from {r}.mark"))
                    .isZero();
            assertThat(rolled.count(connection, "select count(*) from {r}.changed_event"))
                    .isZero();

            rolled.run(
                    connection, "update {s}.event_deliveries set created_at = '2026-03-17T11:00:00Z' where id = 'r0'");
            assertThat(rolled.count(connection, "select count(*) from {r}.mark"))
                    .as("a late row is marked")
                    .isPositive();
        }
    }

    /** The condition of the trigger is computed in advance, but for its comparison. */
    @Test
    void statementsOfManyRowsReadTheWatermarkOnce() throws SQLException {
        try (Connection connection = rolled.begin()) {
            rolled.run(connection, "set local track_functions = 'all'");
            rolled.run(
                    connection,
                    "insert into {s}.events select n, 'p', '', '', " + RECENT
                            + ", null from generate_series(1, 100) n");
            assertThat(rolled.count(
                            connection,
                            "select calls from pg_stat_xact_user_functions where funcid = '{r}.watermark'::regproc"))
                    .isEqualTo(1);
            connection.rollback();
            connection.setAutoCommit(true);
        }
    }
}
