package io.usagekit.events;

import java.time.Instant;

/**
 * The place of a row in {@link EventOrder}.
 *
 * @since 0.1
 */
public record Position(Instant createdAt, String id) {}
