package io.usagekit.postgres.events;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;

/** The tables of a ledger under test. */
final class LedgerTables {

    private LedgerTables() {}

    /** Installs a ledger into a new schema, and returns its name. */
    static String install(String base) {
        String schema = Database.newSchema(base);
        PostgresLedger.of(Database.pool(), schema).install();
        return schema;
    }

    static void empty(String schema) {
        // Deletes are faster than truncating a dozen small files is.
        for (String table :
                new String[] {"event_deliveries", "events_search", "events", "endpoints", "sources", "projects"}) {
            Database.execute("delete from " + Identifiers.qualified(schema, table));
        }
    }
}
