package io.usagekit.events.spi;

import io.usagekit.events.Event;
import io.usagekit.internal.Json;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;

/** An event as its export has it. That it is live, and how it is found, is the ledger's own business. */
final class EventJson {

    private EventJson() {}

    static String of(Event event) {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("id", event.id());
        json.put("project_id", event.projectId());
        json.put("event_type", event.type());
        json.put("source_id", event.sourceId());
        json.put("idempotency_key", event.idempotencyKey());
        json.put("is_duplicate", event.duplicate());
        json.put("status", event.status());
        json.put("headers", event.headers());
        json.put("raw", event.payload().raw());
        json.put("data", Base64.getEncoder().encodeToString(event.payload().data()));
        json.put("bytes", event.bytes());
        json.put("created_at", event.createdAt().toString());
        return Json.write(json);
    }
}
