package io.usagekit.verification.docs;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Each check of pages finds what it is for, and nothing else. */
class PagesTest {

    @TempDir
    private Path root = Path.of("");

    @Test
    void findsAQuoteThatDiffersOrHasNoFile() throws IOException {
        Files.writeString(root.resolve("A.java"), "// tag::quote\nx();\n// end::quote\n");
        String page = """
                <!-- quoted from A.java -->
                ```java
                x();
                ```
                <!-- quoted from A.java -->
                ```java
                y();
                ```
                <!-- quoted from B.java -->
                ```java
                x();
                ```
                """;

        assertThat(Pages.differingQuotes(root, page))
                .containsExactly(
                        "line 5: differs from the region of A.java, which is\nx();", "line 9: there is no file B.java");
    }

    @Test
    void findsAJavaSnippetThatIsNotQuoted() {
        String page = """
                <!-- quoted from A.java -->

                ```java
                x();
                ```
                ```java
                y();
                ```
                ```
                a command
                ```
                """;

        assertThat(Pages.unquotedSnippets(page)).containsExactly("line 6: a Java snippet without 'quoted from'");
    }

    @Test
    void findsALinkToAMissingFileOrHeading() throws IOException {
        Path page = root.resolve("page.md");
        Files.writeString(root.resolve("other.md"), "# What it costs, and when\n```\n# no heading\n```\n");
        String text = """
                # Title
                [a](other.md) [b](other.md#what-it-costs-and-when) [c](#title) [d](https://example.org/x#y)
                [e](missing.md) [f](other.md#no-heading) [g](#other)
                """;

        Files.writeString(page, text);

        assertThat(Pages.brokenLinks(page, text))
                .containsExactly(
                        "missing.md: there is no such file",
                        "other.md#no-heading: the page has no such heading",
                        "#other: the page has no such heading");
    }

    @Test
    void findsATypeOrAMemberThatDoesNotExist() {
        String page =
                "`RollupWorker` `RollupWorker.runOnce()` `RollupWorker.runTwice()` `rollups.worker` `FRESH` `FaultyLink`"
                        + " `CompletableFuture.join()` `UTC`";
        Map<String, List<String>> sources =
                Map.of("RollupWorker", List.of("void runOnce() {}"), "CompletableFuture", List.of(""));

        assertThat(Pages.unknownNames(page, type -> sources.getOrDefault(type, List.of())))
                .containsExactly("RollupWorker.runTwice: there is no such member", "FaultyLink: there is no such type");
    }

    @Test
    void findsACommandOnAMissingModuleTestOrJar() throws IOException {
        Files.createDirectory(root.resolve("a"));
        Files.writeString(root.resolve("a/pom.xml"), "<finalName>tool</finalName>");
        String page = """
                mvn verify -pl a -am -Dit.test=OneIT
                mvn verify -pl a,b -Dtest=TwoTest
                java -jar a/target/tool.jar
                java -jar a/target/other.jar
                """;

        assertThat(Pages.brokenCommands(root, page, "OneIT"::equals))
                .containsExactly(
                        "-pl b: there is no such module",
                        "TwoTest: there is no such test",
                        "a/target/other.jar: no module builds that");
    }

    @Test
    void readsTheRowsOfATable() {
        String page = """
                | builder | setting |
                |---|---|
                | `a` | `x`, `y` |
                | | `z` \\| w |

                | other | table |
                |---|---|
                | `b` | `u` |
                """;

        assertThat(Pages.rows(page, "builder"))
                .containsExactly(List.of("`a`", "`x`, `y`"), List.of("`a`", "`z` \\| w"));
        assertThat(Pages.names("`x`, `y`")).containsExactly("x", "y");
    }
}
