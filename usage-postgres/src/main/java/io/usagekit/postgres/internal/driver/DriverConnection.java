package io.usagekit.postgres.internal.driver;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.WeakHashMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A connection as PostgreSQL's own driver knows it, below the pool. The driver is found by name: nothing is compiled against it. */
public final class DriverConnection {

    /** Asks the server for the process that runs this very statement. */
    @FunctionalInterface
    public interface Backend {
        /** Returns the process id, and leaves no transaction open. */
        long ask() throws SQLException;
    }

    private static final Logger LOG = LoggerFactory.getLogger("io.usagekit.postgres.PostgresUsage");
    private static final @Nullable Class<?> TYPE = type();

    /** Whether connections are shared. */
    private static final Map<Object, Boolean> SHARED = Collections.synchronizedMap(new WeakHashMap<>());

    /** The driver's methods by their names, which aren't overloaded among those that are called. */
    private static final Map<String, Method> METHODS = new ConcurrentHashMap<>();

    private static final AtomicBoolean NAMES_REPORTED = new AtomicBoolean();

    private final Object connection;

    private DriverConnection(Object connection) {
        this.connection = connection;
    }

    private static @Nullable Class<?> type() {
        try {
            return Class.forName("org.postgresql.PGConnection");
        } catch (ClassNotFoundException | LinkageError e) {
            return null;
        }
    }

    /** Returns the driver's connection; empty if it is another driver's, or its pool doesn't hand it out. */
    public static Optional<DriverConnection> of(Connection connection) {
        Class<?> type = TYPE;
        if (type == null) {
            return Optional.empty();
        }
        try {
            return connection.isWrapperFor(type)
                    ? Optional.of(new DriverConnection(connection.unwrap(type)))
                    : Optional.empty();
        } catch (SQLException | AbstractMethodError e) {
            return Optional.empty(); // a pool older than JDBC 4
        }
    }

    /**
     * Whether statements of one text are sent in one round trip, and none of them runs after one that fails. Not by another driver; not in
     * the simple query mode, which sends each by itself; and not where the driver is forced to binary transfers, for which it asks the server
     * to describe the text.
     */
    public static boolean sendsTogether(Connection connection) throws SQLException {
        Optional<DriverConnection> driver = of(connection);
        return driver.isPresent() && driver.get().sendsTogether(driver.get().prepareThreshold());
    }

    /** The same, with the threshold that the host has set. */
    boolean sendsTogether(int prepareThreshold) throws SQLException {
        return prepareThreshold >= 0
                && !Boolean.getBoolean("org.postgresql.forceBinary")
                && !"SIMPLE".equals(call("getPreferQueryMode").toString());
    }

    /**
     * Whether a pooler may give the session's process to others between two transactions: another process answers than the driver was
     * told of when it connected. The server is asked once for each connection.
     */
    public boolean isShared(Backend backend) throws SQLException {
        Boolean known = SHARED.get(connection);
        if (known == null) {
            known = backend.ask() != backendPid();
            SHARED.put(connection, known);
        }
        return known;
    }

    /** Lets the driver give no names to statements; returns whether it is PostgreSQL's own. */
    public static boolean stopNames(Connection connection) throws SQLException {
        Optional<DriverConnection> driver = of(connection);
        if (driver.isPresent()) {
            driver.get().setPrepareThreshold(0);
        }
        return driver.isPresent();
    }

    /** Lets the driver give no names to statements, if the connection is shared; says once what the host has to do. */
    void stopNamesIfShared(Backend backend, int threshold) throws SQLException {
        if (Boolean.FALSE.equals(SHARED.get(connection))) {
            return;
        }
        setPrepareThreshold(0);
        if (!isShared(backend)) {
            setPrepareThreshold(threshold);
        } else if (NAMES_REPORTED.compareAndSet(false, true)) {
            LOG.warn(
                    "there is a pooler between this process and PostgreSQL, and prepareThreshold is {}: the library's own statements"
                            + " get no names, but those of others may fail or run as another statement; set prepareThreshold=0 in"
                            + " the URL, unless the pooler knows prepared statements or pools whole sessions",
                    threshold);
        }
    }

    /** The process of the server's that answered when the connection was opened: behind a pooler, one that it made up. */
    private long backendPid() throws SQLException {
        return ((Number) call("getBackendPID")).longValue();
    }

    /** After how many executions the driver gives a statement a name on the server; 0 for never, -1 also for binary transfers always. */
    int prepareThreshold() throws SQLException {
        return ((Number) call("getPrepareThreshold")).intValue();
    }

    /** Sets that; tells the server nothing. */
    void setPrepareThreshold(int threshold) throws SQLException {
        call("setPrepareThreshold", threshold);
    }

    /**
     * Waits for notifications that the session listens for.
     *
     * @param wait in milliseconds, until which there may be none; more than 0
     * @return their payloads
     */
    public List<String> notifications(String channel, int wait) throws SQLException {
        List<String> payloads = new ArrayList<>();
        if (call("getNotifications", wait) instanceof Object[] received) {
            for (Object notification : received) {
                if (channel.equals(text(notification, "getName"))) {
                    payloads.add(text(notification, "getParameter"));
                }
            }
        }
        return payloads;
    }

    private static String text(Object notification, String name) throws SQLException {
        try {
            return (String) Class.forName("org.postgresql.PGNotification")
                    .getMethod(name)
                    .invoke(notification);
        } catch (ReflectiveOperationException e) {
            throw new SQLException("the driver's notifications have no " + name + "; use PostgreSQL's own driver", e);
        }
    }

    private Object call(String name, Object... arguments) throws SQLException {
        try {
            Object result = method(name, arguments.length).invoke(connection, arguments);
            return result == null ? Optional.empty() : result;
        } catch (InvocationTargetException e) {
            throw e.getCause() instanceof SQLException failure ? failure : new SQLException(e.getCause());
        } catch (ReflectiveOperationException e) {
            throw new SQLException("the driver has no " + name + "; use PostgreSQL's own, 42.7.7 or newer", e);
        }
    }

    private static Method method(String name, int parameters) throws NoSuchMethodException {
        Method known = METHODS.get(name);
        if (known == null) {
            known = parameters == 0
                    ? connectionType().getMethod(name)
                    : connectionType().getMethod(name, int.class);
            METHODS.put(name, known);
        }
        return known;
    }

    private static Class<?> connectionType() {
        Class<?> type = TYPE;
        if (type == null) {
            throw new IllegalStateException("PostgreSQL's driver is missing");
        }
        return type;
    }
}
