package io.usagekit.postgres.events;

import io.usagekit.events.Duplicates;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import java.time.InstantSource;

/** The tables of a ledger under test. */
final class LedgerTables {

    private LedgerTables() {}

    /** Installs a ledger into a new schema, and returns its name. */
    static String install(String base) {
        String schema = Database.newSchema(base);
        PostgresLedger.of(Database.pool(), schema).install();
        return schema;
    }

    /** Makes the endpoints of events a table as the previous version installed it. */
    static void makeEndpointsOld(String schema) {
        String s = Identifiers.quote(schema);
        Database.execute(
                "drop trigger usagekit_move_endpoints on " + s + ".events",
                "drop trigger usagekit_fill_endpoint on " + s + ".events_endpoints",
                "alter table " + s + ".events_endpoints drop column project_id, drop column created_at",
                "create index events_endpoints_endpoint_id_idx on " + s
                        + ".events_endpoints (endpoint_id) include (event_id)");
    }

    /** Empties the tables, and returns a ledger over them. */
    static PostgresLedger emptied(String schema, Duplicates duplicates, InstantSource clock) {
        empty(schema);
        return PostgresLedger.builder(Database.pool())
                .schema(schema)
                .duplicates(duplicates)
                .clock(clock)
                .build();
    }

    static void empty(String schema) {
        // Deletes are faster than truncating a dozen small files is.
        for (String table :
                new String[] {"event_deliveries", "events_search", "events", "endpoints", "sources", "projects"}) {
            Database.execute("delete from " + Identifiers.qualified(schema, table));
        }
    }
}
