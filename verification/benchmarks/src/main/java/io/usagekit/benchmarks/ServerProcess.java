package io.usagekit.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

/** The server's process that serves a connection, on this machine. */
final class ServerProcess {

    private final Path statistics;

    private ServerProcess(long pid) {
        this.statistics = Path.of("/proc", Long.toString(pid), "schedstat");
    }

    static ServerProcess of(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("select pg_backend_pid()");
                ResultSet row = statement.executeQuery()) {
            row.next();
            return new ServerProcess(row.getLong(1));
        }
    }

    /** Returns its processor time in microseconds, as of its last pause; the time on the clock where the system doesn't tell. */
    double micros() {
        if (!Files.exists(statistics)) {
            return System.nanoTime() / 1e3;
        }
        try {
            return Long.parseLong(Files.readString(statistics).split(" ", -1)[0]) / 1e3;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
