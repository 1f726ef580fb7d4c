package io.usagekit.events.spi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class RowWriterTest {

    private static final List<List<Optional<?>>> ROWS = List.of(
            List.of(Optional.of("a"), Optional.of(1L)),
            List.of(Optional.of("one, \"two\"\r\nthree ü"), Optional.empty()),
            List.of(Optional.of(""), Optional.of(-7L)));

    private static String written(RowWriter.Format format, List<List<Optional<?>>> rows) throws IOException {
        ByteArrayOutputStream sink = new ByteArrayOutputStream();
        RowWriter writer = RowWriter.begin(format, List.of("the id", "bytes"), sink);
        for (List<Optional<?>> row : rows) {
            writer.write(row);
        }
        writer.flush();
        return sink.toString(StandardCharsets.UTF_8);
    }

    @Test
    void quotesWhatWouldBeReadInAnotherWay() throws IOException {
        assertThat(written(RowWriter.Format.CSV, ROWS)).isEqualTo("""
                        the id,bytes
                        a,1
                        "one, ""two""\r
                        three ü",
                        "",-7
                        """);
        assertThat(written(RowWriter.Format.CSV, List.of())).isEqualTo("the id,bytes\n");
    }

    @Test
    void leavesOutMembersThatAreAbsent() throws IOException {
        assertThat(written(RowWriter.Format.NDJSON, ROWS)).isEqualTo("""
                        {"the id":"a","bytes":1}
                        {"the id":"one, \\"two\\"\\u000d\\u000athree ü"}
                        {"the id":"","bytes":-7}
                        """);
        assertThat(written(RowWriter.Format.NDJSON, List.of())).isEmpty();
    }

    @Test
    void rejectsARowOfAnotherWidth() throws IOException {
        RowWriter writer = RowWriter.begin(RowWriter.Format.CSV, List.of("id"), new ByteArrayOutputStream());
        assertThatThrownBy(() -> writer.write(List.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("a row must have 1 values, but had 0");
    }
}
