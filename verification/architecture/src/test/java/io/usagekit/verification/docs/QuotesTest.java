package io.usagekit.verification.docs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class QuotesTest {

    @Test
    void findsTheBlocksThatSayWhereTheyAreFrom() {
        String document = """
                # Title
                ```java
                not quoted
                ```
                <!-- quoted from a/B.java -->
                ```java
                if (x) {

                    y();
                }
                ```
                <!-- quoted from a/C.java -->

                ```
                z
                ```
                """;

        assertThat(Quotes.in(document))
                .containsExactly(
                        new Quotes.Quote(5, "a/B.java", "if (x) {\n\n    y();\n}"),
                        new Quotes.Quote(12, "a/C.java", "z"));
    }

    @Test
    void aCommentWithoutABlockIsAnError() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Quotes.in("<!-- quoted from a/B.java -->\ntext\n```\nx\n```\n"))
                .withMessageContaining("line 1");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Quotes.in("<!-- quoted from a/B.java -->\n```\nx\n"))
                .withMessageContaining("line 1");
    }

    @Test
    void aRegionLosesItsIndentation(@TempDir Path directory) throws IOException {
        Path file = Files.writeString(
                directory.resolve("B.java"),
                "class B {\n    // tag::quote\n    if (x) {\n\n        y();\n    }\n    // end::quote\n}\n");

        assertThat(Quotes.region(file)).isEqualTo("if (x) {\n\n    y();\n}");
    }

    @Test
    void aRegionOfPropertiesIsMarkedByTheirComments(@TempDir Path directory) throws IOException {
        Path file = Files.writeString(
                directory.resolve("b.properties"), "# tag::quote\nx = 1\n# of y\ny = 2\n# end::quote\nz = 3\n");

        assertThat(Quotes.region(file)).isEqualTo("x = 1\n# of y\ny = 2");
    }

    @Test
    void aFileWithoutOneRegionIsAnError(@TempDir Path directory) throws IOException {
        Path file = Files.writeString(directory.resolve("B.java"), "class B {\n    // tag::quote\n}\n");

        assertThatIllegalArgumentException()
                .isThrownBy(() -> Quotes.region(file))
                .withMessageContaining("B.java");
    }
}
