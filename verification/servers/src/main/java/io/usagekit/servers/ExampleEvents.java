package io.usagekit.servers;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Objects;
import javax.sql.DataSource;

/**
 * Events for a service that is tried out: those of the organisations {@code org-01} and {@code org-02} in the sixty days before now.
 *
 * @since 0.1
 */
public final class ExampleEvents {

    private static final String SCRIPT = "example-events.sql";

    private ExampleEvents() {}

    /**
     * Adds them, once, to the library's own tables of the schema {@code usagekit}, which are there.
     *
     * @throws IllegalStateException if the database refuses
     */
    public static void addTo(DataSource dataSource) {
        try (Connection connection = dataSource.getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute(script());
        } catch (SQLException e) {
            throw new IllegalStateException("the example events can't be added: " + e.getMessage(), e);
        }
    }

    private static String script() {
        try (InputStream script = Objects.requireNonNull(ExampleEvents.class.getResourceAsStream(SCRIPT), SCRIPT)) {
            return new String(script.readAllBytes(), StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
