package io.usagekit.verification.docs;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/** Checks of Markdown pages. Each check returns its findings, one line a finding; no finding means that the page is right. */
final class Pages {

    private static final Pattern LINK = Pattern.compile("\\[[^]]*]\\(([^)\\s]+)\\)");
    private static final Pattern HEADING = Pattern.compile("(?m)^#+ (.+)$");
    private static final Pattern FENCED = Pattern.compile("(?ms)^```.*?^```$");
    private static final Pattern NAME = Pattern.compile("`([A-Z][a-z]\\w*?[A-Z]\\w*)(?:[.](\\w+))?(?:[.(][^`]*)?`");
    private static final Pattern MODULES = Pattern.compile("-pl (\\S+)");
    private static final Pattern TESTS = Pattern.compile("-D(?:it[.])?test=([A-Z]\\w+)");
    private static final Pattern JAR = Pattern.compile("\\b(\\S+)/target/([\\w-]+)[.]jar");

    private Pages() {}

    /** All pages that users and contributors read: the README, CONTRIBUTING, CHANGELOG and those in docs. */
    static List<Path> all(Path root) {
        try (Stream<Path> docs = Files.list(root.resolve("docs"))) {
            return Stream.concat(
                            Stream.of("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
                                    .map(root::resolve),
                            docs.filter(page -> page.toString().endsWith(".md")).sorted())
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static String text(Path page) {
        try {
            return Files.readString(page);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Quoted snippets that differ from the region of their file. */
    static List<String> differingQuotes(Path root, String page) {
        List<String> findings = new ArrayList<>();
        for (Quotes.Quote quote : Quotes.in(page)) {
            Path file = root.resolve(quote.path());
            if (!Files.exists(file)) {
                findings.add("line " + quote.line() + ": there is no file " + quote.path());
            } else if (!quote.text().equals(region(file))) {
                findings.add("line " + quote.line() + ": differs from the region of " + quote.path() + ", which is\n"
                        + region(file));
            }
        }
        return findings;
    }

    private static String region(Path file) {
        try {
            return Quotes.region(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Java snippets that don't say which file they are quoted from. */
    static List<String> unquotedSnippets(String page) {
        Set<Integer> quoted = new LinkedHashSet<>();
        Quotes.in(page).forEach(quote -> quoted.add(quote.line()));
        List<String> lines = page.lines().toList();
        List<String> findings = new ArrayList<>();
        int mark = 0;
        for (int i = 0; i < lines.size(); i++) {
            if (quoted.contains(i + 1)) {
                mark = i + 1;
            } else if (lines.get(i).startsWith("```java")) {
                if (mark == 0) {
                    findings.add("line " + (i + 1) + ": a Java snippet without 'quoted from'");
                }
                mark = 0;
            } else if (!lines.get(i).isBlank()) {
                mark = 0;
            }
        }
        return findings;
    }

    /** Relative links to files that don't exist, or to headings that their page doesn't have. */
    static List<String> brokenLinks(Path page, String text) {
        List<String> findings = new ArrayList<>();
        for (String link : matches(LINK, FENCED.matcher(text).replaceAll(""))) {
            if (link.contains("://")) {
                continue;
            }
            String[] parts = link.split("#", 2);
            Path file = parts[0].isEmpty() ? page : page.resolveSibling(parts[0]);
            if (!Files.exists(file)) {
                findings.add(link + ": there is no such file");
            } else if (parts.length == 2
                    && !anchors(parts[0].isEmpty() ? text : text(file)).contains(parts[1])) {
                findings.add(link + ": the page has no such heading");
            }
        }
        return findings;
    }

    /** The anchors that GitHub gives to headings. */
    private static List<String> anchors(String text) {
        return matches(HEADING, FENCED.matcher(text).replaceAll("")).stream()
                .map(heading -> heading.toLowerCase(Locale.ROOT)
                        .replaceAll("[^\\p{L}\\p{N} _-]", "")
                        .replace(' ', '-'))
                .toList();
    }

    /**
     * Code spans that name a type ({@code `RollupWorker`}) that doesn't exist, or a member ({@code `RollupWorker.runOnce()`}) that
     * its source doesn't contain.
     *
     * @param sources the source texts of a type; none: there is no such type; the empty text: any member will do
     */
    static List<String> unknownNames(String page, Function<String, List<String>> sources) {
        List<String> findings = new ArrayList<>();
        for (Matcher name = NAME.matcher(page); name.find(); ) {
            List<String> texts = sources.apply(name.group(1));
            String member = name.group(2);
            if (texts.isEmpty()) {
                findings.add(name.group(1) + ": there is no such type");
            } else if (member != null && texts.stream().noneMatch(text -> contains(text, member))) {
                findings.add(name.group(1) + "." + member + ": there is no such member");
            }
        }
        return findings;
    }

    private static boolean contains(String text, String member) {
        return text.isEmpty()
                || Pattern.compile("\\b" + member + "\\b").matcher(text).find();
    }

    /** Whether a module builds a jar of this name: its final name, or that and a classifier. */
    private static boolean builds(String pom, String name) {
        return pom.contains(">" + name + "<")
                || IntStream.range(0, name.length())
                        .filter(at -> name.charAt(at) == '-')
                        .anyMatch(at -> pom.contains("<finalName>" + name.substring(0, at) + "</finalName>")
                                && pom.contains("<classifier>" + name.substring(at + 1) + "</classifier>"));
    }

    /** Commands whose modules, tests or jars aren't in the project. */
    static List<String> brokenCommands(Path root, String page, Predicate<String> exists) {
        List<String> findings = new ArrayList<>();
        for (String modules : matches(MODULES, page)) {
            for (String module : modules.split(",", -1)) {
                if (!Files.exists(root.resolve(module).resolve("pom.xml"))) {
                    findings.add("-pl " + module + ": there is no such module");
                }
            }
        }
        for (String test : matches(TESTS, page)) {
            if (!exists.test(test)) {
                findings.add(test + ": there is no such test");
            }
        }
        for (Matcher jar = JAR.matcher(page); jar.find(); ) {
            Path pom = root.resolve(jar.group(1)).resolve("pom.xml");
            if (!Files.exists(pom) || !builds(text(pom), jar.group(2))) {
                findings.add(jar.group() + ": no module builds that");
            }
        }
        return findings;
    }

    private static List<String> matches(Pattern pattern, String text) {
        return pattern.matcher(text)
                .results()
                .map((MatchResult match) -> match.group(1))
                .distinct()
                .toList();
    }

    /**
     * The rows of a page's tables, without heads: trimmed cells. An empty first cell takes the value of the row above it.
     *
     * @param head the first cell of the tables that are wanted
     */
    static List<List<String>> rows(String page, String head) {
        List<List<String>> rows = new ArrayList<>();
        boolean wanted = false;
        String first = "";
        for (String line : page.lines().toList()) {
            if (!line.startsWith("|")) {
                wanted = false;
                continue;
            }
            List<String> cells = new ArrayList<>(Stream.of(line.substring(1).split("(?<!\\\\)\\|"))
                    .map(String::strip)
                    .toList());
            if (cells.get(0).equals(head)) {
                wanted = true;
            } else if (wanted && !cells.get(0).startsWith("---")) {
                first = cells.get(0).isEmpty() ? first : cells.get(0);
                cells.set(0, first);
                rows.add(cells);
            }
        }
        return rows;
    }

    /** The names in code spans of a cell. */
    static List<String> names(String cell) {
        return matches(Pattern.compile("`([^`]+)`"), cell);
    }
}
