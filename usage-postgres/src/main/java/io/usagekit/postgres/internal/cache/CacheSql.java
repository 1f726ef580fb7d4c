package io.usagekit.postgres.internal.cache;

import io.usagekit.AgedUsage;
import io.usagekit.OrganisationUsage;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SchemaScript;
import io.usagekit.postgres.internal.SqlCall;
import io.usagekit.postgres.internal.SqlFiles;
import io.usagekit.postgres.internal.SqlRow;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.internal.SqlStatements;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The statements over the table in one schema. Thread-safe.
 *
 * @param channel of wake-ups, which has the schema's name
 */
record CacheSql(SqlStatements statements, String channel) {

    static final SqlSource SOURCE = SqlFiles.of("internal/cache/cache.sql");

    /** The statements over the table in a schema, which isn't quoted. */
    static CacheSql in(String schema) {
        return in(schema, SOURCE);
    }

    static CacheSql in(String schema, SqlSource source) {
        Map<String, String> names = new HashMap<>(SchemaScript.qualified(schema, objectNames()));
        names.put("fence-name", Identifiers.literal(Identifiers.qualified(schema, "fence")));
        names.put("channel", Identifiers.quote(schema));
        names.put("schema", Identifiers.quote(schema));
        return new CacheSql(SqlStatements.of(source, names), schema);
    }

    /** The names of the table and the sequence, by those that the resources have for them. */
    static Map<String, String> objectNames() {
        return Map.of("figure", "figure", "fence", "fence");
    }

    /** A call of a statement. */
    SqlCall call(Connection connection, String statement) {
        return SqlCall.of(connection, statements.template(statement));
    }

    /** A call of a statement on the row of a key. */
    SqlCall call(Connection connection, String statement, UsageKey key) {
        return call(connection, statement)
                .text("organisation_id", key.organisationId())
                .instant("starts_at", key.period().start())
                .instant("ends_at", key.period().end());
    }

    /** Runs a script. */
    void run(Connection connection, String script) throws SQLException {
        Jdbc.execute(connection, statements.script(script));
    }

    /** Runs a call that always does what it is to. */
    static Optional<Boolean> done(SqlCall call) throws SQLException {
        call.execute();
        return Optional.of(true);
    }

    /** Binds the wake-up that a statement sends. */
    SqlCall waking(SqlCall call, String message) {
        return call.text("channel", channel).text("message", message);
    }

    /**
     * Binds a figure that is to be stored.
     *
     * @param elapsed how long ago it had its age, and was to live for the time to live
     */
    static SqlCall bind(SqlCall call, AgedUsage figure, Duration timeToLive, Duration elapsed) {
        OrganisationUsage usage = figure.usage();
        return call.number("received_volume", usage.received().volume())
                .number("received_bytes", usage.received().bytes())
                .number("sent_volume", usage.sent().volume())
                .number("sent_bytes", usage.sent().bytes())
                .number("unmeasured", usage.unmeasured())
                .instant("computed_at", usage.createdAt())
                .number("age", Micros.of(figure.age()) + Micros.of(elapsed))
                .number("time_to_live", Micros.of(timeToLive) - Micros.of(elapsed));
    }

    /** Reads the figure of a row, under the key's own period. */
    static AgedUsage figure(SqlRow row, UsageKey key) throws SQLException {
        OrganisationUsage usage = new OrganisationUsage(
                key,
                new UsageMetrics(row.number("received_volume"), row.number("received_bytes")),
                new UsageMetrics(row.number("sent_volume"), row.number("sent_bytes")),
                row.instant("computed_at"),
                row.number("unmeasured"));
        return new AgedUsage(usage, Micros.duration(row.number("age")));
    }
}
