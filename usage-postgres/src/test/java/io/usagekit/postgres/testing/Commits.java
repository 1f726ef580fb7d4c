package io.usagekit.postgres.testing;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.SQLException;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Lets others act in transactions: right before they are committed, or before a statement is prepared. */
public final class Commits {

    private Commits() {}

    /** What is done on the connection of a transaction. */
    @FunctionalInterface
    public interface Action {
        void run(Connection connection) throws SQLException;
    }

    /** Returns the same data source; {@code action} runs in each transaction before its commit. */
    public static DataSource watched(DataSource dataSource, Action action) {
        return proxy(DataSource.class, (method, arguments) -> {
            Object result = invoke(dataSource, method, arguments);
            return result instanceof Connection connection ? watched(connection, action) : result;
        });
    }

    /** What is done on a connection before it prepares a statement. */
    @FunctionalInterface
    public interface Preparation {
        void run(Connection connection, String sql) throws SQLException;
    }

    /** Returns the same data source; {@code preparation} runs before each statement is prepared. */
    public static DataSource watchedStatements(DataSource dataSource, Preparation preparation) {
        return proxy(DataSource.class, (method, arguments) -> {
            Object result = invoke(dataSource, method, arguments);
            return result instanceof Connection connection ? watchedStatements(connection, preparation) : result;
        });
    }

    private static Connection watchedStatements(Connection connection, Preparation preparation) {
        return proxy(Connection.class, (method, arguments) -> {
            if (method.getName().equals("prepareStatement") && arguments != null) {
                preparation.run(connection, (String) arguments[0]);
            }
            return invoke(connection, method, arguments);
        });
    }

    private static Connection watched(Connection connection, Action action) {
        return proxy(Connection.class, (method, arguments) -> {
            if (method.getName().equals("commit")) {
                action.run(connection);
            }
            return invoke(connection, method, arguments);
        });
    }

    @FunctionalInterface
    private interface Call {
        @Nullable
        Object run(Method method, Object @Nullable [] arguments) throws Throwable;
    }

    private static <T> T proxy(Class<T> type, Call call) {
        return type.cast(Proxy.newProxyInstance(
                Commits.class.getClassLoader(),
                new Class<?>[] {type},
                (proxy, method, arguments) -> call.run(method, arguments)));
    }

    private static @Nullable Object invoke(Object target, Method method, Object @Nullable [] arguments)
            throws Throwable {
        try {
            return method.invoke(target, arguments);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }
}
