package io.usagekit.events;

import io.usagekit.internal.Arguments;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;

/**
 * What is exported: the live events of a project created before an instant, in the order of {@link EventOrder#ASCENDING}.
 * Immutable.
 *
 * @since 0.1
 */
public final class ExportRequest {

    private final Builder values;

    private ExportRequest(Builder values) {
        this.values = values;
    }

    /**
     * Creates a builder of an uncompressed JSON array, from the first event on.
     *
     * @param before truncated to microseconds, in the years 1 to 9999; one that lies in the past, where an export may have to be
     *     resumed: what is recorded meanwhile is no part of it then
     * @throws IllegalArgumentException if one of them is out of bounds
     */
    public static Builder builder(String projectId, Instant before) {
        return new Builder(Bounds.id("projectId", projectId), Bounds.instant("before", before));
    }

    /** Project id. */
    public String projectId() {
        return values.projectId;
    }

    /** Only those created before it. */
    public Instant before() {
        return values.before;
    }

    /** How they stand beside each other. */
    public Format format() {
        return values.format;
    }

    /** Whether it is compressed. */
    public Compression compression() {
        return values.compression;
    }

    /** Where it is resumed; empty: it is started. */
    public Optional<String> cursor() {
        return values.cursor;
    }

    /** How long one snapshot is read. */
    public Duration snapshotFor() {
        return values.snapshotFor;
    }

    /** What is called after each batch. */
    public Consumer<ExportProgress> listener() {
        return values.listener;
    }

    /**
     * Describes an export. Not thread-safe.
     *
     * @since 0.1
     */
    public static final class Builder {
        private final String projectId;
        private final Instant before;
        private Format format = Format.JSON;
        private Compression compression = Compression.NONE;
        private Optional<String> cursor = Optional.empty();
        private Duration snapshotFor = Duration.ofMinutes(15);
        private Consumer<ExportProgress> listener = progress -> {};

        private Builder(String projectId, Instant before) {
            this.projectId = projectId;
            this.before = before;
        }

        private Builder(Builder other) {
            projectId = other.projectId;
            before = other.before;
            format = other.format;
            compression = other.compression;
            cursor = other.cursor;
            snapshotFor = other.snapshotFor;
            listener = other.listener;
        }

        /** {@link Format#JSON} by default. */
        public Builder format(Format format) {
            this.format = Objects.requireNonNull(format, "format");
            return this;
        }

        /** {@link Compression#NONE} by default. */
        public Builder compression(Compression compression) {
            this.compression = Objects.requireNonNull(compression, "compression");
            return this;
        }

        /** Resumes an export of the same project, instant, format and compression where this cursor says. */
        public Builder resume(String cursor) {
            this.cursor = Optional.of(cursor);
            return this;
        }

        /**
         * Sets how long one snapshot of the database is read, at most 24 h; 15 min by default. While it is read, vacuum removes no row that
         * was deleted since. An export that takes longer, e.g. since its sink is slow, goes on in a new snapshot, as one that is resumed
         * does: of the events after that place, those recorded meanwhile are in it, and those deleted meanwhile aren't.
         *
         * @throws IllegalArgumentException if it is out of bounds
         */
        public Builder snapshotFor(Duration snapshotFor) {
            this.snapshotFor = Arguments.positive("snapshotFor", snapshotFor);
            return this;
        }

        /** Sets what is called after each batch, on the exporting thread; what it throws ends the export. Nothing by default. */
        public Builder listener(Consumer<ExportProgress> listener) {
            this.listener = Objects.requireNonNull(listener, "listener");
            return this;
        }

        /** What is described. */
        public ExportRequest build() {
            return new ExportRequest(new Builder(this));
        }
    }

    /** How exported events stand beside each other; each is a JSON object (RFC 8259), in UTF-8. */
    public enum Format {
        /** One array; {@code []} if there are none. */
        JSON,
        /** One on each line; nothing if there are none. */
        NDJSON
    }

    /** Whether an export is compressed. */
    public enum Compression {
        /** It isn't. */
        NONE,
        /** By gzip (RFC 1952), one member for each batch: members one after the other are a file as well. */
        GZIP
    }
}
