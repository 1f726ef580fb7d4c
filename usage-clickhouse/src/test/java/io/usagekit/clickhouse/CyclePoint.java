package io.usagekit.clickhouse;

import io.usagekit.postgres.rollups.spi.CellStore;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** A point of a feed's cycle: before or after one of its calls of the store. */
record CyclePoint(String call, boolean before) {

    /** All points, in the order of a cycle. */
    static List<CyclePoint> all() {
        return Stream.of("highestVersion", "insertCells", "insertDays", "insertProjects", "publish")
                .flatMap(call -> Stream.of(new CyclePoint(call, true), new CyclePoint(call, false)))
                .toList();
    }

    /** Returns the store, on which an action runs at this point. */
    CellStore on(CellStore store, Runnable action) {
        return proxy(CellStore.class, (proxy, method, values) -> {
            boolean isHere = method.getName().equals(call);
            if (isHere && before) {
                action.run();
            }
            Object result = invoke(store, method, values);
            if (isHere && !before) {
                action.run();
            }
            return result;
        });
    }

    static <T> T proxy(Class<T> type, InvocationHandler handler) {
        return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
    }

    static @Nullable Object invoke(Object target, Method method, Object @Nullable [] values) throws Throwable {
        try {
            return method.invoke(target, values);
        } catch (InvocationTargetException e) {
            throw e.getCause();
        }
    }

    /** As {@link #parse} reads it. */
    @Override
    public String toString() {
        return (before ? "before " : "after ") + call;
    }

    static CyclePoint parse(String text) {
        String[] words = text.split(" ", 2);
        return new CyclePoint(words[1], words[0].equals("before"));
    }
}
