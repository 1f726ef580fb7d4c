package io.usagekit.postgres.partitions;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.Statement;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.sql.DataSource;

/** A data source whose next transaction stays in READ COMMITTED when it asks for REPEATABLE READ, once weakened. */
final class WeakIsolationDataSource {

    private static final String REPEATABLE_READ = "set transaction isolation level repeatable read";
    private static final String READ_COMMITTED = "set transaction isolation level read committed";

    private final AtomicBoolean weakenNext = new AtomicBoolean();

    /** Lets the next transaction that asks for REPEATABLE READ stay in READ COMMITTED. */
    void weakenNext() {
        weakenNext.set(true);
    }

    /** Whether a transaction has asked for REPEATABLE READ since {@link #weakenNext}. */
    boolean hasWeakened() {
        return !weakenNext.get();
    }

    /** Wraps a data source. */
    DataSource around(DataSource dataSource) {
        return proxy(
                DataSource.class,
                dataSource,
                result -> result instanceof Connection connection ? around(connection) : result);
    }

    private Connection around(Connection connection) {
        return proxy(
                Connection.class,
                connection,
                result -> result != null && isPlain(result) ? around((Statement) result) : result);
    }

    private static boolean isPlain(Object result) {
        return result instanceof Statement && !(result instanceof java.sql.PreparedStatement);
    }

    private Statement around(Statement statement) {
        return Statement.class.cast(Proxy.newProxyInstance(
                WeakIsolationDataSource.class.getClassLoader(),
                new Class<?>[] {Statement.class},
                (proxy, method, args) -> {
                    boolean isWeakened = args != null
                            && args.length == 1
                            && args[0] instanceof String sql
                            && sql.startsWith(REPEATABLE_READ)
                            && weakenNext.compareAndSet(true, false);
                    return isWeakened
                            ? invoke(
                                    statement, method, String.valueOf(args[0]).replace(REPEATABLE_READ, READ_COMMITTED))
                            : invoke(statement, method, args);
                }));
    }

    private interface Wrapper {
        Object wrap(Object result);
    }

    private static <T> T proxy(Class<T> type, T target, Wrapper wrapper) {
        InvocationHandler handler = (proxy, method, args) -> wrapper.wrap(invoke(target, method, args));
        return type.cast(
                Proxy.newProxyInstance(WeakIsolationDataSource.class.getClassLoader(), new Class<?>[] {type}, handler));
    }

    private static Object invoke(Object target, java.lang.reflect.Method method, Object... args) throws Throwable {
        try {
            return method.invoke(target, args);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }
}
