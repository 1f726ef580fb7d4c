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
