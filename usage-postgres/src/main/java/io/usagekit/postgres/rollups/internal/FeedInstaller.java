package io.usagekit.postgres.rollups.internal;

import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Installation;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SchemaInstaller;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlStatements;
import io.usagekit.postgres.internal.SqlTemplate;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** Creates and removes the feed's tables and triggers. */
final class FeedInstaller {

    private static final String VERSIONS = "version";

    /** What stays when triggers are created again. */
    private static final List<String> KEPT =
            List.of("state", VERSIONS, "cycle", "to_ship", "shipped_day", "shipped_month", "shipped_project");

    private final FeedSource source;

    FeedInstaller(FeedSource source) {
        this.source = source;
    }

    void install() {
        try {
            Installation.run(source.jdbc(), source.tables(), installation -> {
                Connection connection = installation.connection();
                SqlStatements sql = source.statements().run(connection);
                boolean isPresent = source.isPresent(connection);
                if (!isPresent || !call(connection, sql, "feed-is-current").answer()) {
                    installation.change(summed(), it -> {
                        installation
                                .locks()
                                .lock(it, Map.of(summed(), isPresent ? "access exclusive" : "share row exclusive"));
                        create(it, sql, isPresent);
                        return sql;
                    });
                }
                return sql;
            });
        } catch (SQLException e) {
            throw source.failed("installing", e);
        }
    }

    private static SqlCall call(Connection connection, SqlStatements sql, String statement) {
        return SqlCall.of(connection, sql.template(statement));
    }

    /** The tables whose sums are shipped. */
    private String summed() {
        return Identifiers.qualified(source.rollups(), "rollup") + ", "
                + Identifiers.qualified(source.rollups(), "retained");
    }

    private void create(Connection connection, SqlStatements sql, boolean isPresent) throws SQLException {
        checkPublications(connection, sql);
        String type = source.projectIdType().run(connection);
        SchemaInstaller.createSchema(connection, source.schema());
        boolean keepsTables = isPresent
                && call(connection, sql, "feed-has-type").text("type", type).answer();
        SchemaInstaller.emptySchema(connection, source.schema(), keepsTables ? KEPT : List.of(VERSIONS));
        Jdbc.limit(connection, "statement_timeout", Duration.ZERO); // all hours are listed
        Jdbc.execute(connection, script(type));
    }

    private void checkPublications(Connection connection, SqlStatements sql) throws SQLException {
        List<String> publications = call(connection, sql, "publications-of-new-tables")
                .text("schema", Identifiers.quote(source.schema()))
                .list(row -> row.text("publication"));
        if (!publications.isEmpty()) {
            throw UsageStorageException.permanent(
                    "the feed in the schema " + Identifiers.quote(source.schema()) + " can't be installed: "
                            + String.join(" and ", publications)
                            + " and a logical replication slot of this database would send its tables to subscribers, which"
                            + " don't have them: publish a list of tables instead (create publication ... for table ...)",
                    null);
        }
    }

    private String script(String projectIdType) {
        Map<String, String> names = FeedNames.of(source.rollups());
        names.put("rollups", Identifiers.quote(source.rollups()));
        names.put("project_id_type", projectIdType);
        names.put("feed.project_id_type", Identifiers.literal(projectIdType));
        return SqlTemplate.fill(SqlTemplate.resource("rollups/schema-feed.sql"), names);
    }

    void uninstall() {
        try {
            Installation.run(source.jdbc(), source.tables(), installation -> {
                if (SchemaInstaller.schemaExists(installation.connection(), source.schema())) {
                    installation.change(summed(), connection -> {
                        SchemaInstaller.dropSchema(connection, source.schema());
                        return connection;
                    });
                }
                return source;
            });
        } catch (SQLException e) {
            throw source.failed("removing", e);
        }
    }
}
