package io.usagekit.postgres;

import io.usagekit.UsageCalculator;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OwnTables;
import io.usagekit.postgres.testing.OwnTablesContract;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** The contract of calculators over the library's own tables. */
class PostgresUsageCalculatorIT extends OwnTablesContract {

    private static String schema;
    private static OwnTables tables;

    @BeforeAll
    static void install() {
        schema = Database.newSchema("contract");
        PostgresUsage.install(Database.pool(), schema);
        tables = new OwnTables(Database.pool(), schema);
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
    }

    @Override
    protected OwnTables tables() {
        return tables;
    }

    @Override
    protected UsageCalculator calculator() {
        return PostgresUsage.calculator(Database.pool(), TableMapping.usagekit(schema));
    }
}
