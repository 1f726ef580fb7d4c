package io.usagekit.postgres.testing;

import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.util.concurrent.atomic.AtomicInteger;

/** Lets others act between two statements of a session. */
public final class StatementHook {

    private StatementHook() {}

    /** Returns the same connection; {@code action} runs right before its n-th statement is prepared, counted from 1. */
    public static Connection before(int statement, Connection connection, Runnable action) {
        AtomicInteger statements = new AtomicInteger();
        return (Connection) Proxy.newProxyInstance(
                StatementHook.class.getClassLoader(), new Class<?>[] {Connection.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("prepareStatement") && statements.incrementAndGet() == statement) {
                        action.run();
                    }
                    return method.invoke(connection, arguments);
                });
    }
}
