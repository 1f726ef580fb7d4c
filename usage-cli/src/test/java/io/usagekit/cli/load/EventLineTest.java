package io.usagekit.cli.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class EventLineTest {

    private static EventLine parse(String line) throws BadLineException {
        return EventLine.parse(line.getBytes(StandardCharsets.UTF_8));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{}",
                "{ \"b\" : 1.0, \"a\":\t[1e400, -0, 1.10],\"a\":null }",
                "[ ]",
                "[1, [2, {\"x\": []}] ]",
                "\"text\"",
                "\"\"",
                "\"caf\\u00e9 é 🚀 \\ud83d\\ude80 \\u0000 \\\"}, \\/ \\n\"",
                "{\"📦⚡️\": \"日本語\"}",
                "0",
                "-0.10e+5",
                "123456789012345678901234567890.123456789012345678901234567890",
                "true",
                "false",
                "null",
            })
    void dataIsTakenVerbatimWhereverItStands(String data) throws BadLineException {
        assertThat(parse("{\"event_type\":\"push\",\"data\":" + data + "}")).isEqualTo(new EventLine("push", data));
        assertThat(parse("{\"data\":" + data + ",\"event_type\":\"push\"}")).isEqualTo(new EventLine("push", data));
        assertThat(parse(" { \"é🚀\" : [{\"data\": 7}] , \"data\" :  " + data + "\t, \"event_type\" : \"push\" } \r"))
                .isEqualTo(new EventLine("push", data));
    }

    @Test
    void longValuesAreVerbatimToo() throws BadLineException {
        String data = "{\"n\": " + "9".repeat(5_000) + ", \"é\": \"" + "ü".repeat(100_000) + "\"}";

        assertThat(parse("{\"data\": " + data + " , \"event_type\": \"push\"}").data())
                .isEqualTo(data);
    }

    @Test
    void theTypeIsReadNotVerbatim() throws BadLineException {
        assertThat(parse("{\"event_type\":\"caf\\u00e9\",\"data\":1}").eventType())
                .isEqualTo("café");
    }

    @Test
    void aByteOrderMarkIsLeftOut() throws BadLineException {
        assertThat(parse("\uFEFF{\"event_type\":\"push\",\"data\":{\"a\":1}}").data())
                .isEqualTo("{\"a\":1}");
    }

    static Stream<Arguments> badLines() {
        return Stream.of(
                Arguments.of("nonsense", "not JSON"),
                Arguments.of("{\"event_type\":\"push\",\"data\":{}", "not JSON"),
                Arguments.of("{\"event_type\":\"push\",\"data\":}", "not JSON"),
                Arguments.of("{\"event_type\":\"push\",\"data\":01}", "not JSON"),
                Arguments.of("{\"event_type\":\"push\",\"data\":NaN}", "not JSON"),
                Arguments.of("{'event_type':'push','data':1}", "not JSON"),
                Arguments.of("{\"event_type\":\"push\",\"data\":\"a\0b\"}", "not JSON"),
                Arguments.of("{\"event_type\":\"push\",\"data\":1}\0", "not JSON"),
                Arguments.of("{\"event_type\":\"push\",\"data\":1} x", "not JSON"),
                Arguments.of("{\"event_type\":\"push\",\"data\":1,}", "not JSON"),
                Arguments.of(
                        "{\"event_type\":\"push\",\"data\":" + "[".repeat(5_000) + "]".repeat(5_000) + "}", "not JSON"),
                Arguments.of("[]", "not a JSON object"),
                Arguments.of("\"push\"", "not a JSON object"),
                Arguments.of("null", "not a JSON object"),
                Arguments.of("{\"event_type\":\"push\",\"data\":1}{}", "something follows the object"),
                Arguments.of("{\"event_type\":\"push\",\"data\":1} 2", "something follows the object"),
                Arguments.of("{}", "event_type is missing"),
                Arguments.of("{\"data\":1}", "event_type is missing"),
                Arguments.of("{\"event_type\":\"push\"}", "data is missing"),
                Arguments.of("{\"event_type\":\"push\",\"x\":{\"data\":1}}", "data is missing"),
                Arguments.of("{\"event_type\":7,\"data\":1}", "event_type must be a string"),
                Arguments.of("{\"event_type\":null,\"data\":1}", "event_type must be a string"),
                Arguments.of("{\"event_type\":{\"a\":1},\"data\":1}", "event_type must be a string"),
                Arguments.of("{\"event_type\":\" \",\"data\":1}", "event_type must not be blank"),
                Arguments.of("{\"event_type\":\"a\\u0000b\",\"data\":1}", "event_type must not contain U+0000"),
                Arguments.of("{\"event_type\":\"\\ud83d\",\"data\":1}", "unpaired surrogate"),
                Arguments.of("{\"event_type\":\"a\",\"event_type\":\"b\",\"data\":1}", "event_type is given twice"),
                Arguments.of("{\"event_type\":\"a\",\"data\":1,\"data\":null}", "data is given twice"));
    }

    @ParameterizedTest
    @MethodSource("badLines")
    void aBadLineIsNamedWithItsReason(String line, String reason) {
        assertThatExceptionOfType(BadLineException.class)
                .isThrownBy(() -> parse(line))
                .withMessageContaining(reason);
    }

    @Test
    void whatIsntUtf8IsBad() {
        byte[] line = "{\"event_type\":\"push\",\"data\":\"ü\"}".getBytes(StandardCharsets.ISO_8859_1);

        assertThatExceptionOfType(BadLineException.class)
                .isThrownBy(() -> EventLine.parse(line))
                .withMessageStartingWith("not UTF-8");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", " ", "\t", "\r", " \t \r"})
    void blankLinesAreBlank(String line) {
        assertThat(EventLine.isBlank(line.getBytes(StandardCharsets.UTF_8))).isTrue();
    }
}
