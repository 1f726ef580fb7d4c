package io.usagekit.internal;

import io.usagekit.AgedUsage;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Result of a cache read.
 *
 * @param figure what was found, if anything that may still be served
 * @param error why the cache couldn't be read, if it couldn't
 */
record Lookup(Optional<AgedUsage> figure, @Nullable Throwable error) {

    static Lookup of(Optional<AgedUsage> figure) {
        return new Lookup(figure, null);
    }

    static Lookup failed(Throwable error) {
        return new Lookup(Optional.empty(), error);
    }
}
