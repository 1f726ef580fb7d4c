package io.usagekit.postgres.testing;

import io.usagekit.testkit.contract.UsageCalculatorContract;
import java.time.Instant;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.BeforeEach;

/** The calculators' contract over the library's own tables. */
public abstract class OwnTablesContract extends UsageCalculatorContract {

    /** The tables of the suite. */
    protected abstract OwnTables tables();

    @BeforeEach
    final void empty() {
        tables().empty();
    }

    @Override
    protected Set<Capability> capabilities() {
        return EnumSet.of(Capability.STALL, Capability.FAILURE, Capability.TRANSACTIONS);
    }

    @Override
    protected final void received(String organisationId, Instant at, int bytes) {
        tables().received(organisationId, at, bytes);
    }

    @Override
    protected final void sent(String organisationId, Instant at, int bytes) {
        tables().sent(organisationId, at, bytes);
    }

    @Override
    protected final void receivedMany(String organisationId, Instant at, int bytes, int events) {
        tables().receivedMany(organisationId, at, bytes, events);
    }

    @Override
    protected final void receivedAndSent(String organisationId, Instant at, int bytes) {
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
}
