package io.usagekit.postgres.internal.cache;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.IndexDdl;
import io.usagekit.postgres.internal.Installation;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SchemaInstaller;
import io.usagekit.postgres.internal.SchemaScript;
import io.usagekit.postgres.internal.SqlTemplate;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import javax.sql.DataSource;

/**
 * Creates and removes the table and the sequence.
 *
 * @param schema that holds them, not quoted
 */
public record CacheInstaller(DataSource dataSource, String schema) {

    private static final String TABLES = "internal/cache/schema-V5.sql";
    private static final Duration LOOK_UP_TIMEOUT = Duration.ofMinutes(1);

    /** Creates what is missing, in one transaction. */
    public void install() throws SQLException {
        Installation.run(new Jdbc(dataSource), schema, installation -> {
            SchemaInstaller.createMissing(installation, schema, List.of(script()), List.of());
            return schema;
        });
    }

    /** Returns whether nothing is missing. */
    public boolean isInstalled() throws SQLException {
        return new Jdbc(dataSource)
                .transaction(
                        Jdbc.Mode.READ_ONLY,
                        LOOK_UP_TIMEOUT,
                        connection -> SchemaInstaller.isComplete(connection, schema, List.of(script())));
    }

    private SchemaScript script() {
        return IndexDdl.script(schema, CacheSql.objectNames(), TABLES);
    }

    /** Returns that as a script; its first statement creates the schema. */
    public String ddl() {
        return SqlTemplate.fill(
                        SqlTemplate.resource("V0__usagekit_schema.sql"), Map.of("schema", Identifiers.quote(schema)))
                + "\n"
                + SqlTemplate.fill(
                        SqlTemplate.resource(TABLES), SchemaScript.qualified(schema, CacheSql.objectNames()));
    }

    /** Drops them, and the schema if nothing else is in it. */
    public void remove() throws SQLException {
        CacheSql sql = CacheSql.in(schema);
        Installation.run(new Jdbc(dataSource), schema, installation -> {
            installation.change("the cache in the schema " + Identifiers.quote(schema), connection -> {
                sql.run(connection, "remove");
                boolean isEmpty = sql.call(connection, "schema-is-empty")
                        .text("schema", Identifiers.quote(schema))
                        .answer();
                if (isEmpty && SchemaInstaller.isReplaceable(connection, schema)) {
                    sql.run(connection, "remove-schema");
                }
                return schema;
            });
            return schema;
        });
    }
}
