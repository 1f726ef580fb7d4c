package io.usagekit.events.spi;

import io.usagekit.events.Event;
import io.usagekit.events.EventExportException;
import io.usagekit.events.EventRepository;
import io.usagekit.events.ExportProgress;
import io.usagekit.events.ExportRequest;
import io.usagekit.events.ExportResult;
import java.io.BufferedOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
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
    private final Optional<Scan.Position> beyond;
    private @Nullable OutputStream batch;
    private long inBatch;
    private long events;
    private ExportProgress progress;

    ExportWriter(Cursors cursors, String scope, ExportRequest request, OutputStream sink) {
        this.cursors = cursors;
        this.scope = scope;
        this.request = request;
        this.sink = new Counted(sink);
        beyond = request.cursor().map(cursor -> cursors.decode(cursor, scope).position());
        progress = new ExportProgress(0, 0, request.cursor());
    }

    /** Scan.Position after which events follow; empty: from the first one on. */
    public Optional<Scan.Position> beyond() {
        return beyond;
    }

    /**
     * Writes the next event.
     *
     * @throws EventExportException if the sink fails
     */
    public void write(Event event) {
        try {
            String json = EventJson.of(event);
            write(request.format() == ExportRequest.Format.NDJSON ? json + '\n' : separator() + json);
            events++;
            inBatch++;
            if (inBatch == BATCH_EVENTS) {
                endBatch(new Scan.Position(event.createdAt(), event.id()));
            }
        } catch (IOException e) {
            throw failed("the export can't be written: " + e.getMessage(), e);
        }
    }

    private String separator() {
        return beyond.isEmpty() && events == 0 ? "[" : ",\n";
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
                write(beyond.isEmpty() && events == 0 ? "[]" : "]");
            } else if (beyond.isEmpty() && events == 0) {
                write(""); // no octets at all would be no gzip file
            }
            flush();
            return new ExportResult(events, sink.octets);
        } catch (IOException e) {
            throw failed("the export can't be written: " + e.getMessage(), e);
        }
    }

    /** Returns the exception for an export that can't read further events; it says where to resume. */
    public EventExportException failed(String message, Throwable cause) {
        return new EventExportException(message, cause, progress);
    }

    private void write(String text) throws IOException {
        OutputStream out = batch;
        if (out == null) {
            out = request.compression() == ExportRequest.Compression.GZIP
                    ? new GZIPOutputStream(sink, BUFFER_OCTETS)
                    : new BufferedOutputStream(sink, BUFFER_OCTETS);
            batch = out;
        }
        out.write(text.getBytes(StandardCharsets.UTF_8));
    }

    private void flush() throws IOException {
        if (batch instanceof GZIPOutputStream member) {
            member.finish();
        } else if (batch != null) {
            batch.flush();
        }
        batch = null;
        sink.flush();
    }

    /** Passes octets on, and counts them. */
    private static final class Counted extends FilterOutputStream {
        private long octets;

        Counted(OutputStream sink) {
            super(sink);
        }

        @Override
        public void write(int octet) throws IOException {
            out.write(octet);
            octets++;
        }

        @Override
        public void write(byte[] from, int offset, int length) throws IOException {
            out.write(from, offset, length);
            octets += length;
        }
    }
}
