package io.usagekit.events.spi;

import io.usagekit.events.EventOrder;
import java.time.Instant;

/**
 * Position of a row in {@link EventOrder}.
 *
 * @since 0.1
 */
public record Position(Instant createdAt, String id) {}
