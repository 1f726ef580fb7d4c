package io.usagekit.events.spi;

import io.usagekit.events.Event;
import io.usagekit.events.EventExportException;
import io.usagekit.events.EventFilter;
import io.usagekit.events.EventRepository;
import io.usagekit.events.ExportProgress;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.ExportResult;
import java.io.BufferedOutputStream;
import java.io.BufferedWriter;
import java.io.ByteArrayInputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.OutputStreamWriter;
import java.io.Reader;
import java.io.StringReader;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.zip.GZIPOutputStream;
import org.jspecify.annotations.Nullable;

/**
 * Writes an export, whatever the events come from; for implementations of {@link EventRepository}. It receives the events
 * after {@link #beyond}, in their order, one by one, and retains none of them. Not thread-safe.
 *
 * <p>After each batch of {@value #BATCH_EVENTS} events the sink is flushed, and a cursor names that place. Batches are counted
 * from there on when an export is resumed, so that it goes on as it would have gone without the interruption, to the last octet.
 *
 * @since 0.1
 */
public final class ExportWriter {

    /** How many events are handed over at a time. */
    public static final int BATCH_EVENTS = 3_000;

    private static final int BUFFER_OCTETS = 1 << 16;

    private final Cursors cursors;
    private final String scope;
    private final ExportRequest request;
    private final Counted sink;
    private final Optional<Place> beyond;
    private @Nullable Writer batch;
    private long inBatch;
    private long events;
    private ExportProgress progress;

    /**
     * Place of an exported event.
     *
     * @param projectId whose event it is
     * @param position its position among those of the project
     * @since 0.1
     */
    public record Place(String projectId, Scan.Position position) {}

    ExportWriter(Cursors cursors, String scope, ExportRequest request, OutputStream sink) {
        this.cursors = cursors;
        this.scope = scope;
        this.request = request;
        this.sink = new Counted(sink);
        beyond = request.cursor()
                .map(cursor -> place(cursors.decode(cursor, scope).position()));
        progress = new ExportProgress(0, 0, request.cursor());
    }

    /** Place after which events follow; empty: from the first one on. */
    public Optional<Place> beyond() {
        return beyond;
    }

    /** The position that a cursor has: in an export of all projects its id begins with that of the project, behind its length. */
    private Scan.Position position(Event event) {
        String id = request.projectId().isPresent()
                ? event.id()
                : event.projectId().length() + ":" + event.projectId() + event.id();
        return new Scan.Position(event.createdAt(), id);
    }

    /** The place of an event that has this position in a cursor. */
    private Place place(Scan.Position position) {
        if (request.projectId().isPresent()) {
            return new Place(request.projectId().get(), position);
        }
        String id = position.id();
        int start = id.indexOf(':') + 1;
        int end = start + Integer.parseInt(id.substring(0, start - 1));
        return new Place(id.substring(start, end), new Scan.Position(position.createdAt(), id.substring(end)));
    }

    /**
     * Writes the next event.
     *
     * @param endpointIds its endpoints, in the order of code points; left out unless the request asks for them
     * @throws EventExportException if the sink fails
     */
    public void write(Event event, List<String> endpointIds) {
        write(
                event,
                endpointIds,
                new StringReader(event.payload().raw()),
                new ByteArrayInputStream(event.payload().data()));
    }

    /**
     * Writes the next event with a payload that is read while it is written; the event's own is left out. Neither is closed.
     *
     * @param endpointIds as above
     * @throws EventExportException if the payload can't be read, or the sink fails
     */
    public void write(Event event, List<String> endpointIds, Reader raw, InputStream data) {
        try {
            Writer out = batch();
            if (request.format() == ExportRequest.Format.JSON) {
                out.write(isEmpty() ? "[" : ",\n");
            }
            EventJson.write(event, chosen(event, endpointIds), raw, data, out);
            if (request.format() == ExportRequest.Format.NDJSON) {
                out.write('\n');
            }
            events++;
            inBatch++;
            if (inBatch == BATCH_EVENTS) {
                endBatch(position(event));
            }
        } catch (SinkException e) {
            throw e.failed(this);
        } catch (IOException e) {
            throw failed("the event \"" + event.id() + "\" can't be read: " + e.getMessage(), e);
        }
    }

    /** The members that an event has only where the request asks for them. */
    private Map<String, Object> chosen(Event event, List<String> endpointIds) {
        Map<String, Object> members = new LinkedHashMap<>();
        if (request.state() == EventFilter.State.ANY) {
            event.deletedAt().ifPresent(at -> members.put("deleted_at", at.toString()));
        }
        if (request.hasEndpoints()) {
            members.put("endpoint_ids", endpointIds);
        }
        return members;
    }

    private boolean isEmpty() {
        return beyond.isEmpty() && events == 0;
    }

    private void endBatch(Scan.Position last) throws IOException {
        flush();
        inBatch = 0;
        String cursor = cursors.encode(scope, new Cursors.Place(Cursors.Move.FORWARD, last));
        progress = new ExportProgress(events, sink.octets, Optional.of(cursor));
        request.listener().accept(progress);
    }

    /**
     * Writes the end of the export.
     *
     * @throws EventExportException if the sink fails
     */
    public ExportResult end() {
        try {
            if (request.format() == ExportRequest.Format.JSON) {
                batch().write(isEmpty() ? "[]" : "]");
            } else if (isEmpty()) {
                batch(); // no octets at all would be no gzip file
            }
            flush();
            return new ExportResult(events, sink.octets);
        } catch (SinkException e) {
            throw e.failed(this);
        } catch (IOException e) {
            throw failed("the export can't be ended: " + e.getMessage(), e);
        }
    }

    /** Returns the exception for an export that can't read further events; it says where to resume. */
    public EventExportException failed(String message, Throwable cause) {
        return new EventExportException(message, cause, progress);
    }

    private Writer batch() throws IOException {
        Writer open = batch;
        if (open == null) {
            OutputStream octets = request.compression() == ExportRequest.Compression.GZIP
                    ? new GZIPOutputStream(sink, BUFFER_OCTETS)
                    : new BufferedOutputStream(sink, BUFFER_OCTETS);
            open = new BufferedWriter(new OutputStreamWriter(octets, StandardCharsets.UTF_8));
            batch = open;
        }
        return open;
    }

    private void flush() throws IOException {
        if (batch != null) {
            batch.close(); // ends the member of a gzip file, and releases its memory
        }
        batch = null;
        sink.flushAll();
    }

    /** Passes octets on, and counts them. It isn't closed with a batch, nor flushed before the end of one. */
    private static final class Counted extends FilterOutputStream {
        private long octets;

        Counted(OutputStream sink) {
            super(sink);
        }

        @Override
        public void write(int octet) throws IOException {
            write(new byte[] {(byte) octet}, 0, 1);
        }

        @Override
        public void write(byte[] from, int offset, int length) throws IOException {
            try {
                out.write(from, offset, length);
            } catch (IOException | RuntimeException e) {
                throw new SinkException(e);
            }
            octets += length;
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}

        void flushAll() throws IOException {
            try {
                out.flush();
            } catch (IOException | RuntimeException e) {
                throw new SinkException(e);
            }
        }
    }

    /** What a sink has thrown, of whatever type. */
    private static final class SinkException extends IOException {
        private static final long serialVersionUID = 1;

        SinkException(Exception thrown) {
            super(thrown);
        }

        EventExportException failed(ExportWriter writer) {
            Throwable thrown = Objects.requireNonNull(getCause());
            return writer.failed("the export can't be written: " + thrown.getMessage(), thrown);
        }
    }
}
