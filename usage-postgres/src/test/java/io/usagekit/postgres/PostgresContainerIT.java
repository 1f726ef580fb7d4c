package io.usagekit.postgres;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.usagekit.UsageCalculator;
import io.usagekit.postgres.testing.OwnTables;
import io.usagekit.servers.Docker;
import io.usagekit.servers.PostgresServer;
import io.usagekit.testkit.contract.UsageCalculatorContract;
import java.time.Instant;
import java.util.EnumSet;
import java.util.Objects;
import java.util.Set;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;

/** The contract of calculators on an official image of the oldest supported PostgreSQL, where there is a Docker engine. */
class PostgresContainerIT extends UsageCalculatorContract {

    private static @Nullable PostgresServer server;
    private static @Nullable DataSource dataSource;

    @BeforeAll
    static void start() {
        assumeTrue(Docker.isAvailable(), () -> Docker.announceSkipped(PostgresContainerIT.class));
        server = PostgresServer.startContainer("postgres:13");
        dataSource = server.dataSource();
        PostgresUsage.install(dataSource, TableMapping.DEFAULT_SCHEMA);
    }

    @AfterAll
    static void stop() {
        if (server != null) {
            server.close();
        }
    }

    @BeforeEach
    void empty() {
        tables().empty();
    }

    @Override
    protected UsageCalculator calculator() {
        return PostgresUsage.calculator(Objects.requireNonNull(dataSource));
    }

    @Override
    protected Set<Capability> capabilities() {
        return EnumSet.of(Capability.STALL, Capability.FAILURE, Capability.TRANSACTIONS);
    }

    @Override
    protected void received(String organisationId, Instant at, int bytes) {
        tables().received(organisationId, at, bytes);
    }

    @Override
    protected void sent(String organisationId, Instant at, int bytes) {
        tables().sent(organisationId, at, bytes);
    }

    @Override
    protected void receivedMany(String organisationId, Instant at, int bytes, int events) {
        tables().receivedMany(organisationId, at, bytes, events);
    }

    @Override
    protected void receivedAndSent(String organisationId, Instant at, int bytes) {
        tables().receivedAndSent(organisationId, at, bytes);
    }

    @Override
    protected Runnable stallSource() {
        return tables().stall();
    }

    @Override
    protected Runnable breakSource() {
        return tables().breakQueries();
    }

    private static OwnTables tables() {
        return new OwnTables(Objects.requireNonNull(dataSource), TableMapping.DEFAULT_SCHEMA);
    }
}
