package io.usagekit.spring;

import io.usagekit.postgres.rollups.RollupListener;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Several listeners in one, which forwards every method of the interface. One that throws doesn't keep an event from the others. */
final class RollupListeners {

    private static final Logger LOG = LoggerFactory.getLogger(RollupListeners.class);

    private RollupListeners() {}

    static RollupListener of(List<RollupListener> listeners) {
        if (listeners.size() == 1) {
            return listeners.get(0);
        }
        List<RollupListener> all = List.copyOf(listeners);
        return (RollupListener) Proxy.newProxyInstance(
                RollupListener.class.getClassLoader(),
                new Class<?>[] {RollupListener.class},
                (proxy, method, arguments) -> method.getDeclaringClass() == Object.class
                        ? method.invoke(all, arguments)
                        : forward(all, method, arguments));
    }

    private static @Nullable Object forward(
            List<RollupListener> listeners, Method method, Object @Nullable [] arguments)
            throws IllegalAccessException {
        for (RollupListener listener : listeners) {
            try {
                method.invoke(listener, arguments);
            } catch (InvocationTargetException e) {
                if (e.getCause() instanceof Error error) {
                    throw error;
                }
                LOG.warn("a listener of roll-ups failed: {}", listener, e.getCause());
            }
        }
        return null;
    }
}
