package io.usagekit.events.spi;

import io.usagekit.events.Event;
import io.usagekit.events.Headers;
import io.usagekit.internal.Json;
import java.io.IOException;
import java.io.InputStream;
import java.io.Reader;
import java.io.Writer;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;

/** An event as its export has it. How it is found is the ledger's own business. */
final class EventJson {

    /** A multiple of 3, so that each chunk is Base64 without padding, but for the last. */
    private static final int CHUNK_OCTETS = 3 << 12;

    private EventJson() {}

    /** Writes an event with this payload, chunk by chunk, instead of its own, and with further members. */
    static void write(Event event, Map<String, Object> further, Reader raw, InputStream data, Writer out)
            throws IOException {
        Map<String, Object> head = new LinkedHashMap<>();
        head.put("id", event.id());
        head.put("project_id", event.projectId());
        head.put("event_type", event.type());
        head.put("source_id", event.sourceId());
        head.put("idempotency_key", event.idempotencyKey());
        head.put("is_duplicate", event.duplicate());
        head.put("status", event.status());
        head.put("headers", Headers.jsonObject(event.headerValues()));
        putUnlessEmpty(head, "url_path", event.urlPath());
        putUnlessEmpty(head, "url_query_params", event.urlQueryParams());
        putUnlessEmpty(head, "metadata", event.metadata());
        String members = Json.write(head);
        out.append(members, 0, members.length() - 1).append(",\"raw\":\"");
        Json.escape(raw, out);
        out.append("\",\"data\":\"");
        base64(data, out);
        Map<String, Object> tail = new LinkedHashMap<>();
        tail.put("bytes", event.bytes());
        tail.put("created_at", event.createdAt().toString());
        event.acknowledgedAt().ifPresent(at -> tail.put("acknowledged_at", at.toString()));
        event.updatedAt().ifPresent(at -> tail.put("updated_at", at.toString()));
        tail.putAll(further);
        out.append("\",").append(Json.write(tail).substring(1));
    }

    /** Leaves out what most events lack, and what exports of previous versions didn't have. */
    private static void putUnlessEmpty(Map<String, Object> members, String name, String value) {
        if (!value.isEmpty()) {
            members.put(name, value);
        }
    }

    private static void base64(InputStream data, Writer out) throws IOException {
        byte[] chunk = new byte[CHUNK_OCTETS];
        int length;
        do {
            length = data.readNBytes(chunk, 0, chunk.length);
            out.append(
                    Base64.getEncoder().encodeToString(length < chunk.length ? Arrays.copyOf(chunk, length) : chunk));
        } while (length == chunk.length);
    }
}
