package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.usagekit.servers.EmbeddedPostgresServer;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** The embedded server while it is paused. */
class PausedPostgresIT {

    @Test
    void answersFromNoProcessWhilePaused() throws SQLException {
        try (EmbeddedPostgresServer server = EmbeddedPostgresServer.start()) {
            server.resume();
            try (Connection present = impatient(server);
                    Connection spare = impatient(server)) {
                assertThat(one(present)).isEqualTo(1);
                assertThat(one(spare)).isEqualTo(1);

                server.pause();
                server.pause();
                assertThatExceptionOfType(SQLException.class).isThrownBy(() -> one(present));
                assertThatExceptionOfType(SQLException.class)
                        .isThrownBy(() -> impatient(server).close());

                server.resume();
                server.resume();
                assertThat(one(spare)).as("on a connection from before").isEqualTo(1);
            }
            assertAnswers(server);
        }
    }

    @Tag("thorough")
    @Test
    void canBeKilledRestartedAndClosedWhilePaused() throws SQLException {
        EmbeddedPostgresServer server = EmbeddedPostgresServer.start();
        server.pause();
        server.kill();
        server.resume();
        server.restart();
        assertAnswers(server);

        server.pause();
        server.close();
        assertThatExceptionOfType(SQLException.class)
                .isThrownBy(() -> impatient(server).close())
                .withMessageContaining("refused");
    }

    private static void assertAnswers(EmbeddedPostgresServer server) throws SQLException {
        try (Connection connection = DriverManager.getConnection(server.jdbcUrl())) {
            assertThat(one(connection)).isEqualTo(1);
        }
    }

    /** Opens a connection that fails after a second without an answer. */
    private static Connection impatient(EmbeddedPostgresServer server) throws SQLException {
        return DriverManager.getConnection(server.jdbcUrl() + "&socketTimeout=1&loginTimeout=2");
    }

    private static int one(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery("select 1")) {
            row.next();
            return row.getInt(1);
        }
    }
}
