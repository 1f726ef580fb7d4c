package io.usagekit.spring;

import java.lang.reflect.RecordComponent;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** Passes properties to builders, and names the property where a builder rejects its value. */
final class Knobs {

    private Knobs() {}

    /** Passes a value on, unless it isn't given. */
    static <T> void ifGiven(@Nullable T value, Consumer<? super T> setter) {
        if (value != null) {
            setter.accept(value);
        }
    }

    /**
     * Runs what builds an object from a group of properties.
     *
     * @param prefix that of the group, such as {@code usagekit.redis}
     * @param group the record whose components are the group's properties, by the names that the builder's messages begin with
     * @throws UsageConfigurationException if the builder rejects a value; its message names the property in place of the knob
     */
    static <T> T named(String prefix, Class<? extends Record> group, Supplier<T> building) {
        try {
            return building.get();
        } catch (IllegalArgumentException e) {
            String message = String.valueOf(e.getMessage());
            int end = message.indexOf(' ');
            String knob = end < 0 ? message : message.substring(0, end);
            boolean isProperty = Arrays.stream(group.getRecordComponents())
                    .map(RecordComponent::getName)
                    .anyMatch(knob::equals);
            String property = isProperty ? prefix + "." + dashed(knob) : prefix;
            throw wrong(property, isProperty ? message.substring(end + 1) : "is wrong: " + message, e);
        }
    }

    /** As {@link #named}, for what returns nothing. */
    static void run(String prefix, Class<? extends Record> group, Runnable action) {
        named(prefix, group, () -> {
            action.run();
            return group;
        });
    }

    /** Returns the value of a property, unless it is out of bounds. */
    static <T extends Comparable<T>> T between(String property, T value, T least, T most) {
        if (value.compareTo(least) < 0 || value.compareTo(most) > 0) {
            throw wrong(property, "must be between " + least + " and " + most + ", but was " + value, null);
        }
        return value;
    }

    /** Says what is wrong with a property. */
    static UsageConfigurationException wrong(String property, String what, @Nullable Throwable cause) {
        return new UsageConfigurationException(property + " " + what, "Correct the value of " + property + ".", cause);
    }

    /** Returns the form of a component's name that properties have: {@code refresh-after} for {@code refreshAfter}. */
    static String dashed(String camelCase) {
        return camelCase.replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
    }

    /** Returns the form of a constant's name that properties have: {@code fleet-wide} for {@code FLEET_WIDE}. */
    static String lower(Enum<?> constant) {
        return constant.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
}
