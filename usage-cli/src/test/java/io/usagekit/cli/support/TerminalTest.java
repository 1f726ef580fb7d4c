package io.usagekit.cli.support;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class TerminalTest {

    @ParameterizedTest
    @CsvSource({
        "'\u001b[31mred', '\\u001b[31mred'",
        "'a\u009b2J', 'a\\u009b2J'",
        "'a\rb\nc\td', 'a\\u000db\\u000ac\\u0009d'",
        "'a\u007fb\u0008', 'a\\u007fb\\u0008'",
        "'\u202egnp.exe', '\\u202egnp.exe'",
        "'\u2066a\u2069\u2028', '\\u2066a\\u2069\\u2028'",
        "'\u061ca\u200eb\u200f', '\\u061ca\\u200eb\\u200f'"
    })
    void printsEscapesOfCharactersThatControlATerminal(String text, String printed) {
        assertThat(Terminal.printable(text)).isEqualTo(printed);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "plain", "é日😀", "a\\u001b", "$1 \\ \"", "\u00a0"})
    void printsOthersAsTheyAre(String text) {
        assertThat(Terminal.printable(text)).isEqualTo(text);
    }
}
