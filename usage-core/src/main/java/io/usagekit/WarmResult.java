package io.usagekit;

import java.util.Map;

/**
 * What warming up came to. The three add up to the number of different organisations asked for.
 *
 * @param fresh how many figures were there already, younger than the soft limit
 * @param computed how many were computed, here or by another process meanwhile
 * @param failures why the others weren't, by organisation id, in the order in which they were asked for
 * @since 0.1
 */
public record WarmResult(int fresh, int computed, Map<String, UsageException> failures) {}
