package io.usagekit.page;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;

/** A body in a temporary file: it is complete before the response begins, which can't say afterwards that it failed. */
record StoredBody(Path file, long length) implements UsagePageResponse.Body {

    /** Stores what the writer writes; deletes the file if the writer fails. */
    static StoredBody of(Consumer<OutputStream> writer) {
        return of(writer, Path.of(System.getProperty("java.io.tmpdir")));
    }

    static StoredBody of(Consumer<OutputStream> writer, Path folder) {
        try {
            Path file = Files.createTempFile(folder, "usage-page", ".csv");
            boolean isComplete = false;
            try (OutputStream sink = new BufferedOutputStream(Files.newOutputStream(file))) {
                writer.accept(sink);
                sink.flush();
                isComplete = true;
            } finally {
                if (!isComplete) {
                    Files.deleteIfExists(file);
                }
            }
            return new StoredBody(file, Files.size(file));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void writeTo(OutputStream sink) throws IOException {
        Files.copy(file, sink);
    }

    @Override
    public void close() {
        try {
            Files.deleteIfExists(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
