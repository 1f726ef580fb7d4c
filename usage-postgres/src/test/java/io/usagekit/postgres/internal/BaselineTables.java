package io.usagekit.postgres.internal;

import io.usagekit.postgres.testing.Database;
import java.util.Map;
import java.util.function.Consumer;

/** The gateway's tables with many rows, for plan tests. */
public final class BaselineTables {

    private BaselineTables() {}

    /**
     * Creates and fills them, and lets the planner know.
     *
     * @param eventTime when the {@code n}-th event was created, in SQL
     * @param delay how late a delivery is at the most, as PostgreSQL writes an interval
     */
    public static void create(String schema, int events, int organisations, String eventTime, String delay) {
        create(Database::execute, schema, events, organisations, eventTime, delay);
    }

    /** The same where {@code database} executes the statements. */
    public static void create(
            Consumer<String[]> database, String schema, int events, int organisations, String eventTime, String delay) {
        String script = SqlTemplate.fill(
                SqlTemplate.resource("baseline-tables.sql"),
                Map.of(
                        "s", Identifiers.quote(schema),
                        "events", Integer.toString(events),
                        "organisations", Integer.toString(organisations),
                        "event_time", eventTime,
                        "delay", delay));
        database.accept(SqlTemplate.withoutComments(script).split(";\\s*"));
    }
}
