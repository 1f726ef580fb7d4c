package io.usagekit.spring;

import io.usagekit.UsageServiceBuilder;

/**
 * Changes the builder of the auto-configured {@link io.usagekit.UsageService}, after the properties were applied: for an executor, a clock, a
 * listener. All beans of this type are called, in their order.
 *
 * @since 0.1
 */
@FunctionalInterface
public interface UsageServiceCustomizer {

    /** Changes the builder. */
    void customize(UsageServiceBuilder builder);
}
