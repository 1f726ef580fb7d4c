package io.usagekit.spring;

import org.jspecify.annotations.Nullable;
import org.springframework.aot.hint.BindingReflectionHintsRegistrar;
import org.springframework.aot.hint.RuntimeHints;
import org.springframework.aot.hint.RuntimeHintsRegistrar;

/** What a native image has to keep besides what Spring finds by itself. */
final class UsageRuntimeHints implements RuntimeHintsRegistrar {

    UsageRuntimeHints() {}

    @Override
    public void registerHints(RuntimeHints hints, @Nullable ClassLoader classLoader) {
        // Knobs asks for the names of the records' components.
        new BindingReflectionHintsRegistrar().registerReflectionHints(hints.reflection(), UsageProperties.class);
    }
}
