package io.usagekit.postgres.events;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class HeaderJsonTest {

    @Test
    void readsTextsAndArraysOfTexts() {
        assertEquals(
                Map.of("a", List.of("1"), "", List.of(""), "b", List.of("2", "", "1"), "c", List.of("3")),
                HeaderJson.read("{\"\": \"\", \"a\": \"1\", \"b\": [\"2\", \"\", \"1\"], \"c\": [\"3\"]}"));
    }

    @Test
    void readsEscapes() {
        assertEquals(
                Map.of("\"\\", List.of("\b\f\n\r\t\u0001/\\n", "\\", "\\\"", "é😀")),
                HeaderJson.read("{\"\\\"\\\\\": [\"\\b\\f\\n\\r\\t\\u0001/\\\\n\", \"\\\\\", \"\\\\\\\"\", \"é😀\"]}"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"{}", "[]", "[\"a\"]", "null", "17", "\"{\\\"a\\\": 1}\""})
    void readsNoHeadersWhereThereAreNone(String json) {
        assertEquals(Map.of(), HeaderJson.read(json));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "17",
                "-1.50",
                "true",
                "{}",
                "[]",
                "[1]",
                "[\"1\", null]",
                "[null, \"1\"]",
                "[[\"1\"]]",
                "[{\"a\": \"1\"}]",
                "{\"a\": {\"b\": [1, {\"c\": \"}]\\\"\"}]}, \"d\": \"]\"}"
            })
    void readsAnythingElseAsOneValue(String json) {
        assertEquals(
                Map.of("a", List.of("1"), "b", List.of(json), "c", List.of("2")),
                HeaderJson.read("{\"a\": \"1\", \"b\": " + json + ", \"c\": \"2\"}"));
        assertEquals(Map.of("b", List.of(json)), HeaderJson.read("{\"b\": " + json + "}"));
    }

    @Test
    void readsNullAsEmptyText() {
        assertEquals(Map.of("a", List.of(""), "b", List.of("null")), HeaderJson.read("{\"a\": null, \"b\": \"null\"}"));
    }

    @Test
    void readsAnyDepth() {
        String deep = "[".repeat(100_000) + "]".repeat(100_000);
        assertEquals(Map.of("a", List.of(deep)), HeaderJson.read("{\"a\": " + deep + "}"));
    }
}
