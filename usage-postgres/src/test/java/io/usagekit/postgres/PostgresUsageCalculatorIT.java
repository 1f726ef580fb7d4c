package io.usagekit.postgres;

import io.usagekit.UsageCalculator;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.OwnTables;
import io.usagekit.testkit.contract.UsageCalculatorContract;
import java.time.Instant;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;

/** The contract of calculators over the library's own tables. */
class PostgresUsageCalculatorIT extends UsageCalculatorContract {

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

    @BeforeEach
    void empty() {
        tables.empty();
    }

    @Override
    protected UsageCalculator calculator() {
        return PostgresUsage.calculator(Database.pool(), TableMapping.usagekit(schema));
    }

    @Override
    protected Set<Capability> capabilities() {
        return EnumSet.of(Capability.STALL, Capability.FAILURE, Capability.TRANSACTIONS);
    }

    @Override
    protected void received(String organisationId, Instant at, int bytes) {
        tables.received(organisationId, at, bytes);
    }

    @Override
    protected void sent(String organisationId, Instant at, int bytes) {
        tables.sent(organisationId, at, bytes);
    }

    @Override
    protected void receivedMany(String organisationId, Instant at, int bytes, int events) {
        tables.receivedMany(organisationId, at, bytes, events);
    }

    @Override
    protected void receivedAndSent(String organisationId, Instant at, int bytes) {
        tables.receivedAndSent(organisationId, at, bytes);
    }

    @Override
    protected Runnable stallSource() {
        return tables.stall();
    }

    @Override
    protected Runnable breakSource() {
        return tables.breakQueries();
    }
}
