package io.usagekit.postgres;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/** The combined query over one set of tables. Immutable. */
final class CombinedQuery {

    /** What it returns. */
    record Totals(UsageMetrics received, UsageMetrics sent) {}

    private final SqlTemplate statement;
    private final String sizes;

    private CombinedQuery(SqlTemplate statement, String sizes) {
        this.statement = statement;
        this.sizes = sizes;
    }

    static CombinedQuery over(TableMapping mapping, TableShape shape, PostgresUsage.Projects projects) {
        String measured = measured(mapping.payload(), shape);
        boolean partlyStored = mapping.storedBytes().filter(shape::isNullable).isPresent()
                && !mapping.payload().isEmpty();

        Map<String, String> pieces = new HashMap<>();
        pieces.put("projects", Identifiers.qualified(mapping.schema(), mapping.projects()));
        pieces.put("project.id", Identifiers.quote(mapping.projectId()));
        pieces.put("project.organisation_id", Identifiers.quote(mapping.projectOrganisationId()));
        pieces.put(
                "project.counts",
                projects == PostgresUsage.Projects.ALL ? "true" : alive("p", mapping.projectDeletedAt()));
        pieces.put("events", Identifiers.qualified(mapping.schema(), mapping.events()));
        pieces.put("event.id", Identifiers.quote(mapping.eventId()));
        pieces.put("event.project_id", Identifiers.quote(mapping.eventProjectId()));
        pieces.put("event.created_at", Identifiers.quote(mapping.eventCreatedAt()));
        pieces.put("event.live", alive("e", mapping.eventDeletedAt()));
        pieces.put("event.measured", measured);
        mapping.storedBytes().ifPresent(column -> pieces.put("event.stored_bytes", Identifiers.quote(column)));
        String stored = mapping.storedBytes()
                .map(column -> "e." + Identifiers.quote(column) + "::bigint")
                .orElse(measured);
        pieces.put("event.octets", partlyStored ? "coalesce(" + stored + ", " + measured + ")" : stored);
        pieces.put("deliveries", Identifiers.qualified(mapping.schema(), mapping.deliveries()));
        pieces.put("delivery.project_id", Identifiers.quote(mapping.deliveryProjectId()));
        pieces.put("delivery.event_id", Identifiers.quote(mapping.deliveryEventId()));
        pieces.put("delivery.created_at", Identifiers.quote(mapping.deliveryCreatedAt()));
        pieces.put("delivery.status", Identifiers.quote(mapping.deliveryStatus()));
        pieces.put("delivered_statuses", Identifiers.literals(mapping.deliveredStatuses()));

        String windowEvent = SqlTemplate.resource(partlyStored ? "window-event-partly-stored.sql" : "window-event.sql");
        String text = SqlTemplate.resource("combined-query.sql")
                .replace("{window_event}", SqlTemplate.withoutComments(windowEvent));
        return new CombinedQuery(
                SqlTemplate.of(text, pieces), mapping.storedBytes().orElse("payload"));
    }

    private static String alive(String alias, Optional<String> deletedAt) {
        return deletedAt
                .map(column -> alias + "." + Identifiers.quote(column) + " is null")
                .orElse("true");
    }

    /** Octets, not characters: octet_length of a text or bytea column is read from the TOAST pointer, without the value. */
    private static String measured(List<String> payload, TableShape shape) {
        return payload.stream()
                .map(column -> "coalesce(octet_length(e." + Identifiers.quote(column)
                        + (shape.isJson(column) ? "::text" : "") + "), 0)::bigint")
                .collect(Collectors.joining(" + "));
    }

    /** The statement as it is sent. */
    String sql() {
        return statement.sql();
    }

    Totals execute(Connection connection, UsageKey key) throws SQLException {
        try (PreparedStatement prepared = prepare(connection, key, "");
                ResultSet row = prepared.executeQuery()) {
            if (!row.next()) {
                throw new UsageCalculationException("the combined query returned no row for " + key, null);
            }
            long unmeasured = row.getLong("unmeasured");
            if (unmeasured > 0) {
                throw new UsageCalculationException(
                        unmeasured + " rows of " + key + " have no size: their \"" + sizes
                                + "\" is null and no payload column is mapped",
                        null);
            }
            return new Totals(
                    new UsageMetrics(row.getLong("received_volume"), row.getLong("received_bytes")),
                    new UsageMetrics(row.getLong("sent_volume"), row.getLong("sent_bytes")));
        }
    }

    /** Bound to a key, with something in front of it: nothing, or what asks for its plan. */
    PreparedStatement prepare(Connection connection, UsageKey key, String prefix) throws SQLException {
        return statement.prepare(
                connection,
                prefix,
                Map.of(
                        "organisation_id", key.organisationId(),
                        "start", key.period().start(),
                        "end", key.period().end()));
    }
}
