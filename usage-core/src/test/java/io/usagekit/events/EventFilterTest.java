package io.usagekit.events;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Each property of a filter of events or deliveries is kept, and tells it from a filter without it: cursors are bound to its description. */
class EventFilterTest {

    static Stream<Method> properties() {
        return Stream.of(EventFilter.Builder.class, DeliveryFilter.Builder.class)
                .flatMap(builder -> Arrays.stream(builder.getDeclaredMethods()))
                .filter(method -> Modifier.isPublic(method.getModifiers()) && method.getParameterCount() == 1);
    }

    @ParameterizedTest
    @MethodSource("properties")
    void isKeptAndDescribed(Method property) throws ReflectiveOperationException {
        Class<?> type = property.getDeclaringClass().getEnclosingClass();
        Object builder = type.getMethod("builder").invoke(null);
        property.invoke(builder, value(property.getParameterTypes()[0]));
        Object filter = builder.getClass().getMethod("build").invoke(builder);
        Object all = type.getField("ALL").get(null);

        Method accessor = type.getMethod(property.getName());
        assertThat(accessor.invoke(filter)).as("what the filter keeps").isNotEqualTo(accessor.invoke(all));
        Method description = type.getMethod("description");
        assertThat(description.invoke(filter)).as("the description").isNotEqualTo(description.invoke(all));
        assertThat(filter).isNotEqualTo(all);
    }

    /** A value that isn't the default. */
    private static Object value(Class<?> type) {
        if (type == String.class) {
            return "a";
        } else if (type == Collection.class) {
            return List.of("a");
        } else if (type == boolean.class) {
            return true;
        } else if (type == Instant.class) {
            return Instant.EPOCH;
        } else if (type == EventWindow.class) {
            return EventWindow.since(Instant.EPOCH);
        } else if (type == EventFilter.State.class) {
            return EventFilter.State.ANY;
        }
        throw new AssertionError("this test has no value of type " + type.getName());
    }
}
