package io.usagekit.postgres.internal;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.TableMapping;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;

/** Finds out which of the shipped mappings fits the tables of a schema, and which sizes they store. */
public final class Discovery {

    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final SqlStatements STATEMENTS = SqlStatements.of(SqlFiles.of("catalog.sql"), Map.of());

    private Discovery() {}

    /** Returns the mapping that fits the tables of the only schema that holds such tables. */
    public static TableMapping of(DataSource dataSource) {
        TableMapping names = TableMapping.gateway();
        return inTransaction(dataSource, connection -> {
            List<String> schemas = SqlCall.of(connection, STATEMENTS.template("schemas-with-tables"))
                    .text("projects", names.projects())
                    .text("events", names.events())
                    .text("deliveries", names.deliveries())
                    .list(row -> row.text("schema"));
            if (schemas.size() != 1) {
                throw UsageStorageException.permanent(
                        "one schema must hold the tables " + names.projects() + ", " + names.events() + " and "
                                + names.deliveries() + ", but "
                                + (schemas.isEmpty()
                                        ? "none does that this role can use"
                                        : "these do: " + String.join(", ", schemas))
                                + "; name the schema",
                        null);
            }
            return of(connection, schemas.get(0));
        });
    }

    /** Returns the mapping that fits the tables of a schema. */
    public static TableMapping of(DataSource dataSource, String schema) {
        return inTransaction(dataSource, connection -> of(connection, schema));
    }

    private static TableMapping of(Connection connection, String schema) throws SQLException {
        TableMapping own = TableMapping.usagekit(schema);
        TableShape shape = TableShape.readForStorage(connection, TableMapping.gateway(schema));
        return own.storedBytes().filter(shape.events()::containsKey).isPresent() ? own : shape.mapping();
    }

    private static TableMapping inTransaction(DataSource dataSource, Jdbc.Work<TableMapping> work) {
        try {
            return new Jdbc(dataSource).transaction(Jdbc.Mode.READ_ONLY, TIMEOUT, work);
        } catch (SQLException e) {
            throw SqlErrors.storageFailure("the tables can't be looked up", e);
        }
    }
}
