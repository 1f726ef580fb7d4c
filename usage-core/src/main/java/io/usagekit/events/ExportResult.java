package io.usagekit.events;

/**
 * Result of an export, counted since it was started or resumed.
 *
 * @param events how many events were handed over
 * @param octets how many octets that was, as they came out of the compression
 * @since 0.1
 */
public record ExportResult(long events, long octets) {}
