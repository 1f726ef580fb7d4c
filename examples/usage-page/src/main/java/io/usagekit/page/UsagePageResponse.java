package io.usagekit.page;

import java.io.IOException;
import java.io.OutputStream;
import java.util.Map;

/**
 * What the page answers.
 *
 * @param status of HTTP
 * @param headers of HTTP, by name
 * @param body its octets
 */
public record UsagePageResponse(int status, Map<String, String> headers, Body body) {

    /** Copies the headers. */
    public UsagePageResponse {
        headers = Map.copyOf(headers);
    }

    /** The octets of a response, which is complete before the first of them is written. Its reader closes it. */
    public interface Body extends AutoCloseable {

        /** Returns how many they are. */
        long length();

        /** Writes all of them. */
        void writeTo(OutputStream sink) throws IOException;

        /** Deletes what stored them. Idempotent. */
        @Override
        default void close() {}
    }

    /** Returns a body of these octets. */
    static Body body(byte[] octets) {
        return new Body() {
            @Override
            public long length() {
                return octets.length;
            }

            @Override
            public void writeTo(OutputStream sink) throws IOException {
                sink.write(octets);
            }
        };
    }
}
