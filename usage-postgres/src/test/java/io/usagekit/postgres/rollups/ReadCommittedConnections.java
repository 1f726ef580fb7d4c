package io.usagekit.postgres.rollups;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Connections on which every transaction is READ COMMITTED, whatever isolation is set: for negative controls. */
final class ReadCommittedConnections {

    private ReadCommittedConnections() {}

    static DataSource of(DataSource dataSource) {
        return proxy(DataSource.class, (method, arguments) -> {
            Object result = method.invoke(dataSource, arguments);
            return result instanceof Connection connection ? readCommitted(connection) : result;
        });
    }

    private static Connection readCommitted(Connection connection) {
        return proxy(Connection.class, (method, arguments) -> {
            if (method.getName().equals("setTransactionIsolation")) {
                connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
                return null;
            }
            return method.invoke(connection, arguments);
        });
    }

    private interface Handler {
        @Nullable
        Object handle(Method method, Object[] arguments) throws Throwable;
    }

    private static <T> T proxy(Class<T> type, Handler handler) {
        return type.cast(Proxy.newProxyInstance(
                type.getClassLoader(), new Class<?>[] {type}, (self, method, arguments) -> {
                    try {
                        return handler.handle(method, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                }));
    }
}
