package io.usagekit.cli.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.SequenceInputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LinesTest {

    private static List<String> read(InputStream stream) throws IOException {
        List<String> all = new ArrayList<>();
        try (Lines lines = Lines.of(stream)) {
            for (Optional<Lines.Line> line = lines.next(); line.isPresent(); line = lines.next()) {
                assertThat(line.get().number()).isEqualTo(all.size() + 1);
                all.add(
                        line.get().tooLong()
                                ? "too long"
                                : new String(line.get().content(), StandardCharsets.UTF_8));
            }
        }
        return all;
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] gzip(String text) throws IOException {
        ByteArrayOutputStream octets = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(octets)) {
            gzip.write(utf8(text));
        }
        return octets.toByteArray();
    }

    /** As a pipe whose writer is slow: an octet at a time, and it never knows whether more is to come. */
    private static InputStream slow(byte[] content) {
        return new ByteArrayInputStream(content) {
            @Override
            public synchronized int read(byte[] into, int offset, int length) {
                return super.read(into, offset, Math.min(1, length));
            }

            @Override
            public synchronized int available() {
                return 0;
            }
        };
    }

    @ParameterizedTest
    @CsvSource({
        "'', ''",
        "a, a",
        "'a|', a",
        "'a|b', 'a,b'",
        "'a||b|', 'a,,b'",
        "'|', ''",
        "x, x",
    })
    void linesEndAtLineFeeds(String text, String lines) throws IOException {
        String content = text.replace('|', '\n');
        List<String> expected = content.isEmpty() ? List.of() : Arrays.asList(lines.split(",", -1));

        assertThat(read(new ByteArrayInputStream(utf8(content)))).isEqualTo(expected);
        assertThat(read(new ByteArrayInputStream(gzip(content)))).isEqualTo(expected);
        assertThat(read(slow(utf8(content)))).isEqualTo(expected);
        assertThat(read(slow(gzip(content)))).isEqualTo(expected);
    }

    @Test
    void carriageReturnsAndEverythingElseStay() throws IOException {
        assertThat(read(new ByteArrayInputStream(utf8("a\r\n\u2028b\u0085\0\n"))))
                .containsExactly("a\r", "\u2028b\u0085\0");
    }

    @Test
    void gzipStreamsInARowAreOne() throws IOException {
        byte[] first = gzip("a\nb");
        byte[] second = gzip("c\nd\n");

        assertThat(read(new SequenceInputStream(new ByteArrayInputStream(first), new ByteArrayInputStream(second))))
                .containsExactly("a", "bc", "d");
        assertThat(read(new SequenceInputStream(slow(first), slow(second)))).containsExactly("a", "bc", "d");
    }

    @ParameterizedTest
    @ValueSource(ints = {-1, 0, 1, 100_000})
    void aLineIsBoundedAndTheNextOneIsWhole(int more) throws IOException {
        String text = "a\n" + "x".repeat(Lines.MAX_OCTETS + more) + "\nb\n";

        List<String> lines = read(new ByteArrayInputStream(utf8(text)));

        assertThat(lines).hasSize(3).startsWith("a").endsWith("b");
        assertThat(lines.get(1).equals("too long")).isEqualTo(more > 0);
    }

    @Test
    void aTruncatedGzipStreamIsAnErrorThatSaysHowFarItGot() throws IOException {
        byte[] whole = gzip("a\n".repeat(3));
        byte[] half = Arrays.copyOf(whole, whole.length - 9);

        assertThatIOException()
                .isThrownBy(() -> read(new ByteArrayInputStream(half)))
                .withMessage("the gzip stream is damaged after line 3");
    }

    @Test
    void countsWhatItReadsAsItStandsInTheStream() throws IOException {
        byte[] content = gzip("a\nb\n");
        try (Lines lines = Lines.of(new ByteArrayInputStream(content))) {
            while (lines.next().isPresent()) {
                assertThat(lines.octetsRead()).isPositive();
            }
            assertThat(lines.octetsRead()).isEqualTo(content.length);
        }
    }
}
