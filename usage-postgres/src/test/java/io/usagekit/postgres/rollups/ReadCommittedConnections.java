package io.usagekit.postgres.rollups;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.Statement;
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
            Object result = method.invoke(connection, arguments);
            return method.getName().equals("createStatement") ? readCommitted((Statement) result) : result;
        });
    }

    private static Statement readCommitted(Statement statement) {
        return proxy(Statement.class, (method, arguments) -> {
            if (arguments != null && arguments.length == 1 && arguments[0] instanceof String sql) {
                return method.invoke(statement, sql.replace("level repeatable read", "level read committed"));
            }
            return method.invoke(statement, arguments);
        });
    }

    /** Answers a call. */
    interface Handler {
        @Nullable
        Object handle(Method method, Object[] arguments) throws Throwable;
    }

    /** Returns an object whose calls a handler answers. */
    static <T> T proxy(Class<T> type, Handler handler) {
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
