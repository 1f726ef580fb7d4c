package io.usagekit.verification.architecture.wrong.reflection;

import java.io.InputStream;
import java.lang.reflect.Method;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;

/** Loads classes, methods, services and resources by names that a native image can't know. */
public final class UsesReflection {

    private UsesReflection() {}

    /** Loads a class. */
    public static Class<?> type(String name) throws ClassNotFoundException {
        return Class.forName(name);
    }

    /** Looks a method up. */
    public static Method method(Class<?> type, String name) throws NoSuchMethodException {
        return type.getMethod(name);
    }

    /** Loads services. */
    public static ServiceLoader<Runnable> services() {
        return ServiceLoader.load(Runnable.class);
    }

    /** Opens a resource. */
    public static @Nullable InputStream resource(String name) {
        return UsesReflection.class.getResourceAsStream(name);
    }
}
