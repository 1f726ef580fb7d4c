package io.usagekit.events;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class HeadersTest {

    private static NewEvent.Builder event() {
        return NewEvent.builder("project", "e");
    }

    private static Event recorded(NewEvent.Builder event) {
        return Event.of(event.build(), false, 0, Instant.EPOCH, Optional.empty());
    }

    @Test
    void putsValuesOfOneNameTogether() {
        NewEvent event = event().headerValues(Map.of(
                        "Via", List.of("1.1 a", "", "1.0 b, 1.1 c"),
                        "Set-Cookie", List.of("a=1; Expires=Wed, 17 Mar 2027 01:28:00 GMT", "b=2"),
                        "X-One", List.of("1")))
                .build();
        Map<String, String> headers = Map.of(
                "via",
                "1.1 a, , 1.0 b, 1.1 c",
                "set-cookie",
                "a=1; Expires=Wed, 17 Mar 2027 01:28:00 GMT",
                "x-one",
                "1");
        assertEquals(headers, event.headers());
        assertEquals(
                headers,
                Event.of(event, false, 0, Instant.EPOCH, Optional.empty()).headers());
    }

    @Test
    void keepsOneValueAsItIs() {
        Event event = recorded(event().headers(Map.of("X-A", "1, 2", "Set-Cookie", "a=1")));
        assertEquals(Map.of("x-a", "1, 2", "set-cookie", "a=1"), event.headers());
        assertEquals(Map.of("x-a", List.of("1, 2"), "set-cookie", List.of("a=1")), event.headerValues());
    }

    @Test
    void lastHeadersReplaceTheOthers() {
        NewEvent.Builder event = event().headerValues(Map.of("a", List.of("1", "2")));
        assertEquals(
                Map.of("b", List.of("3")),
                event.headers(Map.of("b", "3")).build().headerValues());
        assertEquals(
                Map.of("a", List.of("4")),
                event.headerValues(Map.of("a", List.of("4"))).build().headerValues());
    }

    @Test
    void copiesHeaders() {
        List<String> values = new ArrayList<>(List.of("1"));
        Map<String, List<String>> headers = new HashMap<>(Map.of("a", values));
        NewEvent event = event().headerValues(headers).build();
        values.add("2");
        headers.clear();
        assertEquals(Map.of("a", List.of("1")), event.headerValues());
        assertThrows(
                UnsupportedOperationException.class, () -> event.headerValues().clear());
        assertThrows(
                UnsupportedOperationException.class,
                () -> event.headerValues().values().forEach(List::clear));
        assertThrows(UnsupportedOperationException.class, () -> event.headers().clear());
    }

    @Test
    void writesArrayOfSeveralValuesOnly() {
        Event event = recorded(event().headerValues(Map.of("b", List.of("1", "\""), "a", List.of("[]"))));
        assertEquals("{\"a\":\"[]\",\"b\":[\"1\",\"\\\"\"]}", Headers.toJson(event.headerValues()));
        assertEquals("{}", Headers.toJson(Map.of()));
    }
}
