package io.usagekit.postgres.rows;

import io.usagekit.events.spi.RowWriter;

/**
 * How rows are exported, in UTF-8, one a line.
 *
 * @since 0.1
 */
public enum RowFormat {
    /** Comma-separated values (RFC 4180), after a line of the columns' names; octets that aren't known are an empty value. */
    CSV(RowWriter.Format.CSV),
    /** JSON objects (RFC 8259); one whose octets aren't known has no member for them. */
    NDJSON(RowWriter.Format.NDJSON);

    final RowWriter.Format format;

    RowFormat(RowWriter.Format format) {
        this.format = format;
    }
}
