package io.usagekit.events;

/**
 * How exported events stand beside each other; each is a JSON object (RFC 8259), in UTF-8.
 *
 * @since 0.1
 */
public enum ExportFormat {
    /** One array; {@code []} if there are none. */
    JSON,
    /** One on each line; nothing if there are none. */
    NDJSON
}
