package io.usagekit;

import java.util.Map;

/**
 * Result of warming up. The three add up to the number of different organisations requested.
 *
 * @param fresh how many figures were cached already, younger than the soft limit
 * @param computed how many were computed, here or by another process meanwhile
 * @param failures why the others weren't, by organisation id, in the requested order
 * @since 0.1
 */
public record WarmResult(int fresh, int computed, Map<String, UsageException> failures) {}
