package io.usagekit.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The README's examples are those that are compiled here. */
class ReadmeTest {

    private static final Path ROOT = Path.of("..");
    private static final Path README = ROOT.resolve("README.md");
    private static final Path MAINS = Path.of("src/main/java/io/usagekit/examples/mains");

    @Test
    void whatSaysItIsQuotedStandsInItsFile() throws IOException {
        for (Quotes.Quote quote : Quotes.in(Files.readString(README))) {
            Path file = ROOT.resolve(quote.path());
            assertThat(file).as("README.md:%d is quoted from it", quote.line()).exists();
            assertThat(quote.text())
                    .as("README.md:%d must be the region of %s (expected below)", quote.line(), quote.path())
                    .isEqualTo(Quotes.region(file));
        }
    }

    @Test
    void everyMainIsQuoted() throws IOException {
        List<String> quoted = Quotes.in(Files.readString(README)).stream()
                .map(Quotes.Quote::path)
                .toList();
        try (Stream<Path> files = Files.list(MAINS)) {
            List<String> mains = files.map(file -> "examples/" + file.toString().replace('\\', '/'))
                    .filter(file -> !file.endsWith("package-info.java"))
                    .toList();
            assertThat(mains).isNotEmpty();
            assertThat(quoted).as("files quoted in README.md").containsAll(mains);
        }
    }
}
