package io.usagekit.postgres.events;

import io.usagekit.UsageCalculator;
import io.usagekit.events.Duplicates;
import io.usagekit.events.EventRepository;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.testing.Database;
import io.usagekit.testkit.contract.events.EventRepositoryContract;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.time.InstantSource;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;

/**
 * The contract of event repositories, for one in a host's transaction. The host here begins a transaction for each call, and commits it
 * even if the call fails: nothing of such a call may be left.
 */
@Tag("thorough")
class HostTransactionContractIT extends EventRepositoryContract {

    private static String schema;

    @BeforeAll
    static void install() {
        schema = LedgerTables.install("host_ledger");
    }

    @AfterAll
    static void drop() {
        Database.dropSchema(schema);
    }

    @Override
    protected EventRepository openRepository(Duplicates duplicates, InstantSource clock) {
        PostgresLedger ledger = LedgerTables.emptied(schema, duplicates, clock);
        return (EventRepository) Proxy.newProxyInstance(
                HostTransactionContractIT.class.getClassLoader(),
                new Class<?>[] {EventRepository.class},
                (proxy, method, arguments) -> call(ledger, method, arguments));
    }

    private static Object call(PostgresLedger ledger, Method method, Object[] arguments) throws Throwable {
        try (Connection connection = Database.pool().getConnection()) {
            connection.setAutoCommit(false);
            connection.setTransactionIsolation(
                    method.getName().equals("export")
                            ? Connection.TRANSACTION_REPEATABLE_READ
                            : Connection.TRANSACTION_READ_COMMITTED);
            try {
                return method.invoke(ledger.repository(connection), arguments);
            } catch (InvocationTargetException e) {
                throw e.getCause();
            } finally {
                connection.commit();
            }
        }
    }

    @Override
    protected UsageCalculator calculator(EventRepository repository) {
        return PostgresUsage.calculator(Database.pool(), TableMapping.usagekit(schema));
    }
}
