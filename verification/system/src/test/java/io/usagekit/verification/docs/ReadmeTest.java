package io.usagekit.verification.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** Java snippets of the README and of the pages in docs are regions of files that are compiled. */
class ReadmeTest {

    private static final Path ROOT = Path.of("../..");
    private static final Path EXAMPLES = ROOT.resolve("examples/src/main/java/io/usagekit/examples");

    private static List<Path> pages() throws IOException {
        try (Stream<Path> docs = Files.list(ROOT.resolve("docs"))) {
            List<Path> pages = docs.filter(page -> page.toString().endsWith(".md"))
                    .sorted()
                    .toList();
            assertThat(pages).isNotEmpty();
            return Stream.concat(Stream.of(ROOT.resolve("README.md")), pages.stream())
                    .toList();
        }
    }

    @Test
    void everyQuoteEqualsTheRegionOfItsFile() throws IOException {
        for (Path page : pages()) {
            for (Quotes.Quote quote : Quotes.in(Files.readString(page))) {
                Path file = ROOT.resolve(quote.path());
                assertThat(file)
                        .as("%s:%d is quoted from it", page, quote.line())
                        .exists();
                assertThat(quote.text())
                        .as("%s:%d must be the region of %s (expected below)", page, quote.line(), quote.path())
                        .isEqualTo(Quotes.region(file));
            }
        }
    }

    @Test
    void everyMainIsQuoted() throws IOException {
        List<String> quoted = new ArrayList<>();
        for (Path page : pages()) {
            Quotes.in(Files.readString(page)).forEach(quote -> quoted.add(quote.path()));
        }
        try (Stream<Path> files = Files.list(EXAMPLES)) {
            List<String> mains = files.map(
                            file -> ROOT.relativize(file).toString().replace('\\', '/'))
                    .filter(file -> !file.endsWith("package-info.java"))
                    .toList();
            assertThat(mains).isNotEmpty();
            assertThat(quoted).as("files quoted in README.md and docs").containsAll(mains);
        }
    }
}
