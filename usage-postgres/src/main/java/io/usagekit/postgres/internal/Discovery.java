package io.usagekit.postgres.internal;

import io.usagekit.postgres.TableMapping;
import java.sql.SQLException;
import java.time.Duration;
import javax.sql.DataSource;

/** Finds out which of the shipped mappings fits the tables of a schema. */
public final class Discovery {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);

    private Discovery() {}

    public static TableMapping of(DataSource dataSource, String schema) {
        TableMapping gateway = TableMapping.gateway(schema);
        TableMapping own = TableMapping.usagekit(schema);
        try {
            return new Jdbc(dataSource).transaction(Jdbc.Mode.READ_ONLY, TIMEOUT, connection -> {
                TableShape shape = TableShape.readForStorage(connection, gateway);
                return own.storedBytes().filter(shape.events()::containsKey).isPresent() ? own : gateway;
            });
        } catch (SQLException e) {
            throw SqlErrors.storageFailure("the tables can't be looked up", e);
        }
    }
}
