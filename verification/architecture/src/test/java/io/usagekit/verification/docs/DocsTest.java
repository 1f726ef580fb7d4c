package io.usagekit.verification.docs;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.UsageListener;
import io.usagekit.UsageServiceBuilder;
import io.usagekit.clickhouse.ClickHouseUsage;
import io.usagekit.postgres.PostgresCache;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.events.PostgresLedger;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.rollups.spi.FeedWorker;
import io.usagekit.postgres.rows.PostgresRows;
import io.usagekit.redis.RedisUsage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The README, CONTRIBUTING and the pages in docs say what the project has. {@link PagesTest} shows that each check can fail. */
class DocsTest {

    private static final Pattern COORDINATES = Pattern.compile("io[.]usagekit:[a-z-]+:([^\"`]+)"
            + "|<groupId>io[.]usagekit</groupId>\\s*<artifactId>[a-z-]+</artifactId>\\s*<version>(.*?)</version>");
    private static final Path ROOT = Path.of("..", "..");
    private static final Path CHANGELOG = ROOT.resolve("CHANGELOG.md");
    private static final Path EXAMPLES = ROOT.resolve("examples/src/main/java/io/usagekit/examples");
    private static final int FRONT_PAGE = 250;

    /** Packages of the JDK and of drivers whose types pages name. */
    private static final List<String> OTHER_PACKAGES = List.of(
            "java.lang",
            "java.time",
            "java.util.concurrent",
            "java.util.concurrent.locks",
            "java.sql",
            "javax.sql",
            "io.micrometer.core.instrument.config",
            "io.lettuce.core",
            "io.lettuce.core.cluster");

    private static final Set<String> ALERTS = Pattern.compile("- alert: (\\w+)")
            .matcher(Pages.text(ROOT.resolve("docs/metrics/prometheus-rules.yml")))
            .results()
            .map(alert -> alert.group(1))
            .collect(Collectors.toUnmodifiableSet());

    private static final Map<String, Class<?>> BUILDERS = Map.ofEntries(
            Map.entry("UsageService.builder", UsageServiceBuilder.class),
            Map.entry("PostgresUsage.builder", PostgresUsage.Builder.class),
            Map.entry("PostgresCache.builder", PostgresCache.Builder.class),
            Map.entry("PostgresRollups.builder", PostgresRollups.Builder.class),
            Map.entry("rollups.worker", RollupWorker.Builder.class),
            Map.entry("feed.worker", FeedWorker.Builder.class),
            Map.entry("PostgresLedger.builder", PostgresLedger.Builder.class),
            Map.entry("PostgresPartitions.builder", PostgresPartitions.Builder.class),
            Map.entry("PostgresRows.builder", PostgresRows.Builder.class),
            Map.entry("TableMapping.builder", TableMapping.Builder.class),
            Map.entry("RedisUsage.builder", RedisUsage.Builder.class),
            Map.entry("ClickHouseUsage.builder", ClickHouseUsage.Builder.class));

    private static final Map<String, List<Path>> TYPES = types();

    /** The project's Java files, by the names of their types. */
    private static Map<String, List<Path>> types() {
        Map<String, List<Path>> types = new HashMap<>();
        try {
            Files.walkFileTree(ROOT, new SimpleFileVisitor<>() {
                @Override
                public FileVisitResult preVisitDirectory(Path directory, BasicFileAttributes attributes) {
                    String name = directory.getFileName().toString();
                    boolean isBuilt = name.equals("target") || (name.startsWith(".") && !name.equals(".."));
                    return isBuilt ? FileVisitResult.SKIP_SUBTREE : FileVisitResult.CONTINUE;
                }

                @Override
                public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) {
                    String name = file.getFileName().toString();
                    if (name.endsWith(".java")) {
                        types.computeIfAbsent(
                                        name.substring(0, name.length() - ".java".length()), type -> new ArrayList<>())
                                .add(file);
                    }
                    return FileVisitResult.CONTINUE;
                }
            });
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return types;
    }

    /** The sources of a type of the project; the empty text for a type of others, and for an alert of the rules. */
    private static List<String> sources(String type) {
        List<Path> files = TYPES.getOrDefault(type, List.of());
        boolean isNameOfOthers =
                ALERTS.contains(type) || OTHER_PACKAGES.stream().anyMatch(name -> isClass(name + "." + type));
        return files.isEmpty() && isNameOfOthers
                ? List.of("")
                : files.stream().map(Pages::text).toList();
    }

    private static boolean isClass(String name) {
        try {
            Class.forName(name, false, DocsTest.class.getClassLoader());
            return true;
        } catch (ClassNotFoundException e) {
            return false;
        }
    }

    static List<Path> pages() {
        return Pages.all(ROOT);
    }

    @ParameterizedTest
    @MethodSource("pages")
    void quotesEqualTheRegionsOfTheirFiles(Path page) {
        assertThat(Pages.differingQuotes(ROOT, Pages.text(page))).isEmpty();
    }

    /** The negative control of the test above, on each page. */
    @ParameterizedTest
    @MethodSource("pages")
    void changedQuotesAreDetected(Path page) {
        String text = Pages.text(page);
        int quotes = Quotes.in(text).size();
        String changed = Pattern.compile("(?m)(<!-- quoted from \\S+ -->\\s+```\\w+\\n.)")
                .matcher(text)
                .replaceAll("$1~");

        assertThat(Pages.differingQuotes(ROOT, changed)).hasSize(quotes);
    }

    @ParameterizedTest
    @MethodSource("pages")
    void javaSnippetsAreQuoted(Path page) {
        assertThat(Pages.unquotedSnippets(Pages.text(page))).isEmpty();
    }

    @Test
    void examplesAreQuoted() throws IOException {
        Set<String> quoted = new TreeSet<>();
        for (Path page : pages()) {
            Quotes.in(Pages.text(page)).forEach(quote -> quoted.add(quote.path()));
        }
        try (Stream<Path> files = Files.list(EXAMPLES)) {
            List<String> examples = files.filter(file -> !file.endsWith("package-info.java"))
                    .map(file -> ROOT.relativize(file).toString().replace('\\', '/'))
                    .toList();
            assertThat(examples).isNotEmpty();
            assertThat(quoted).as("files that pages quote").containsAll(examples);
        }
    }

    @ParameterizedTest
    @MethodSource("pages")
    void linksResolve(Path page) {
        assertThat(Pages.brokenLinks(page, Pages.text(page))).isEmpty();
    }

    @ParameterizedTest
    @MethodSource("pages")
    void namedTypesAndMembersExist(Path page) {
        if (!page.equals(CHANGELOG)) { // which has the names of former versions
            assertThat(Pages.unknownNames(Pages.text(page), DocsTest::sources)).isEmpty();
        }
    }

    @ParameterizedTest
    @MethodSource("pages")
    void commandsNameWhatTheProjectHas(Path page) {
        assertThat(Pages.brokenCommands(ROOT, Pages.text(page), TYPES::containsKey))
                .isEmpty();
    }

    @Test
    void everyPageIsInTheIndex() {
        String index = Pages.text(ROOT.resolve("docs/README.md"));

        for (Path page : pages()) {
            if (page.startsWith(ROOT.resolve("docs")) && !page.endsWith("README.md")) {
                assertThat(index).contains("](" + page.getFileName() + ")");
            }
        }
    }

    @Test
    void theFrontPageIsShort() {
        assertThat(Pages.text(ROOT.resolve("README.md")).lines().count()).isLessThanOrEqualTo(FRONT_PAGE);
    }

    @Test
    void coordinatesHaveTheVersionOfTheProject() {
        Matcher version = Pattern.compile("<artifactId>usagekit</artifactId>\\s*<version>(.*?)</version>")
                .matcher(Pages.text(ROOT.resolve("pom.xml")));
        assertThat(version.find()).isTrue();
        Set<String> named = Pages.all(ROOT).stream()
                .map(Pages::text)
                .flatMap(page -> COORDINATES.matcher(page).results())
                .map(match -> match.group(1) == null ? match.group(2) : match.group(1))
                .collect(Collectors.toSet());

        assertThat(named).containsExactly(version.group(1));
    }

    @Test
    void settingsAreTheMethodsOfTheirBuilders() {
        Map<String, Set<String>> listed = Pages.rows(Pages.text(ROOT.resolve("docs/settings.md")), "builder").stream()
                .collect(Collectors.groupingBy(
                        row -> Pages.names(row.get(0)).get(0),
                        Collectors.flatMapping(
                                row -> Pages.names(row.get(1)).stream(), Collectors.toCollection(TreeSet::new))));

        assertThat(listed).containsOnlyKeys(BUILDERS.keySet());
        BUILDERS.forEach((name, builder) -> {
            if (builder == TableMapping.Builder.class) { // names of columns, which the Javadoc lists
                assertThat(setters(builder)).as(name).containsAll(listed.get(name));
            } else {
                assertThat(listed.get(name)).as(name).isEqualTo(setters(builder));
            }
        });
    }

    /** Public methods of a builder that return it. */
    private static Set<String> setters(Class<?> builder) {
        return Stream.of(builder.getMethods())
                .filter(method -> method.getReturnType() == builder)
                .map(Method::getName)
                .collect(Collectors.toCollection(TreeSet::new));
    }

    @Test
    void metricsListTheMethodsOfTheListener() {
        Set<String> listed = Pages.rows(Pages.text(ROOT.resolve("docs/metrics.md")), "method").stream()
                .flatMap(row -> Pages.names(row.get(0)).stream())
                .collect(Collectors.toCollection(TreeSet::new));

        assertThat(listed)
                .isEqualTo(Stream.of(UsageListener.class.getDeclaredMethods())
                        .filter(method -> Modifier.isPublic(method.getModifiers()))
                        .map(Method::getName)
                        .collect(Collectors.toCollection(TreeSet::new)));
    }
}
