package io.usagekit.postgres.testing;

import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.IntConsumer;

/** Lets others act between two statements of a session. */
public final class StatementHook {

    private StatementHook() {}

    /** Returns the same connection; {@code action} runs right before its n-th statement is prepared, counted from 1. */
    public static Connection before(int statement, Connection connection, Runnable action) {
        return beforeEach(connection, number -> {
            if (number == statement) {
                action.run();
            }
        });
    }

    /** Returns the same connection; {@code action} receives the number of each statement right before it is prepared, from 1 on. */
    public static Connection beforeEach(Connection connection, IntConsumer action) {
        AtomicInteger statements = new AtomicInteger();
        return (Connection) Proxy.newProxyInstance(
                StatementHook.class.getClassLoader(), new Class<?>[] {Connection.class}, (proxy, method, arguments) -> {
                    if (method.getName().equals("prepareStatement")) {
                        action.accept(statements.incrementAndGet());
                    }
                    return method.invoke(connection, arguments);
                });
    }
}
