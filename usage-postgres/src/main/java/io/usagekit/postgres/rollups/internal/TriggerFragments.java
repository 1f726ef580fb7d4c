package io.usagekit.postgres.rollups.internal;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.internal.SqlTemplate;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What the trigger functions of roll-ups have in common, by the names that stand for it in their script. */
public final class TriggerFragments {

    /** How many settings hold what a transaction has marked: the consecutive hours of a project have one each. */
    private static final int SETTINGS = 64;

    private TriggerFragments() {}

    /**
     * Returns {@code request_reset}, and the marks of a row's hour before and after its change, {@code event.mark_old} and so on.
     *
     * @param names the mapped columns, by the names that stand for them
     * @param schema of the roll-ups
     */
    public static Map<String, String> of(Map<String, String> names, String schema) {
        Map<String, String> fragments = new HashMap<>();
        fragments.put("request_reset", resource("request-reset"));
        for (String table : List.of("event", "delivery")) {
            for (String row : List.of("old", "new")) {
                String projectId = row + "." + names.get(table + ".project_id");
                String createdAt = row + "." + names.get(table + ".created_at") + names.get(table + ".at_utc");
                fragments.put(table + ".mark_" + row, mark(projectId, createdAt, schema));
            }
        }
        return fragments;
    }

    /**
     * Returns the statements that mark an hour. They qualify each name and operator, and depend neither on how a session writes times nor on
     * the column's collation, which may take different values for one.
     */
    private static String mark(String projectId, String createdAt, String schema) {
        String text = projectId + "::pg_catalog.text collate pg_catalog.\"C\"";
        String hour = "pg_catalog.floor(pg_catalog.date_part('epoch', " + createdAt
                + ") operator(pg_catalog./) 3600)::bigint";
        return SqlTemplate.fill(
                resource("mark"),
                Map.of(
                        "rollups",
                        Identifiers.quote(schema),
                        "project_id",
                        projectId,
                        "created_at",
                        createdAt,
                        "setting",
                        "'usagekit.marked_' operator(pg_catalog.||) ((" + hour
                                + " operator(pg_catalog.+) pg_catalog.hashtext(" + text
                                + ")) operator(pg_catalog.&) " + (SETTINGS - 1) + ")::pg_catalog.text",
                        "value",
                        "(" + hour + "::pg_catalog.text operator(pg_catalog.||) "
                                + Identifiers.literal(" " + Identifiers.quote(schema) + " ")
                                + " operator(pg_catalog.||) " + text + ")"));
    }

    private static String resource(String name) {
        return SqlTemplate.resource("rollups/schema-V4-" + name + ".sql")
                .strip()
                .replace("\n", "\n    ");
    }
}
