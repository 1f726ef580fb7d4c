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

/** Each property of a filter is kept, and tells it from a filter without it: cursors are bound to its description. */
class EventFilterTest {

    static Stream<Method> properties() {
        return Arrays.stream(EventFilter.Builder.class.getDeclaredMethods())
                .filter(method -> Modifier.isPublic(method.getModifiers()) && method.getParameterCount() == 1);
    }

    @ParameterizedTest
    @MethodSource("properties")
    void isKeptAndDescribed(Method property) throws ReflectiveOperationException {
        EventFilter.Builder builder = EventFilter.builder();
        property.invoke(builder, value(property.getParameterTypes()[0]));
        EventFilter filter = builder.build();

        Method accessor = EventFilter.class.getMethod(property.getName());
        assertThat(accessor.invoke(filter)).as("what the filter keeps").isNotEqualTo(accessor.invoke(EventFilter.ALL));
        assertThat(filter.description()).as("the description").isNotEqualTo(EventFilter.ALL.description());
        assertThat(filter).isNotEqualTo(EventFilter.ALL);
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
