package io.usagekit.events;

/**
 * Whether an export is compressed.
 *
 * @since 0.1
 */
public enum ExportCompression {
    /** It isn't. */
    NONE,
    /** By gzip (RFC 1952), one member for each batch: members one after the other are a file as well. */
    GZIP
}
