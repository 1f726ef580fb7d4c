package io.usagekit.verification.nativeimage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;

/**
 * The metadata of {@code META-INF/native-image} lists what the modules read and call by name, and they do that in no other place. It is in the
 * form of two files that native image has read since 22.3; versions from 23 on have another one in one file.
 */
class NativeImageTest {

    private static final Path ROOT = Path.of("..", "..");
    private static final ObjectMapper JSON = new ObjectMapper();

    private static final String[] LIBRARY = {
        "io.usagekit",
        "io.usagekit.events..",
        "io.usagekit.format..",
        "io.usagekit.internal..",
        "io.usagekit.postgres..",
        "io.usagekit.redis..",
        "io.usagekit.clickhouse..",
        "io.usagekit.jackson..",
        "io.usagekit.micrometer..",
        "io.usagekit.spring",
        "io.usagekit.spring.actuate..",
        "io.usagekit.spring.web.."
    };

    /** The tests of a host aren't part of its image. */
    private static final Set<String> FOR_TESTS = Set.of("usage-testkit", "usage-spring-boot-starter-test");

    private static final String DRIVER_CONNECTION = "io.usagekit.postgres.internal.driver.DriverConnection";

    private static final Set<String> KNOWN = Set.of(
            DRIVER_CONNECTION, // reflect-config.json of usage-postgres
            "io.usagekit.postgres.internal.SqlTemplate", // resource-config.json of usage-postgres
            "io.usagekit.postgres.internal.driver.OpenTransaction", // only asks whether a connection is a proxy
            "io.usagekit.clickhouse.SqlFile", // resource-config.json of usage-clickhouse
            "io.usagekit.redis.Script", // resource-config.json of usage-redis
            "io.usagekit.redis.internal.ClusterAddresses", // reflect-config.json of usage-redis
            "io.usagekit.spring.Knobs"); // UsageRuntimeHints of the starter

    private static final JavaClasses PROJECT = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("io.usagekit");

    private static final String BROKEN = "io.usagekit.verification.architecture.wrong.reflection";

    @Test
    void classesMembersAndResourcesAreFoundByNameInKnownPlacesOnly() {
        DynamicAccess.confinedTo(KNOWN, LIBRARY).check(PROJECT);
        assertThatThrownBy(() -> DynamicAccess.confinedTo(Set.of(), LIBRARY).check(PROJECT))
                .as("each known place is one still")
                .hasMessageContainingAll(KNOWN.toArray(String[]::new));

        assertThatThrownBy(() ->
                        DynamicAccess.confinedTo(KNOWN, BROKEN).check(new ClassFileImporter().importPackages(BROKEN)))
                .isInstanceOf(AssertionError.class)
                .hasMessageContainingAll(
                        "Class.forName", "Class.getMethod", "ServiceLoader.load", "Class.getResourceAsStream");
    }

    @Test
    void everyResourceIsInTheMetadataAndEveryPatternMatchesOne() throws IOException {
        int resources = 0;
        for (Path module : publishedModules()) {
            Set<String> files = resources(module);
            List<Pattern> patterns = patterns(module);
            resources += files.size();
            assertThat(unmatched(files, patterns)).as("resources of " + module).isEmpty();
            assertThat(patterns)
                    .as("patterns of " + module)
                    .allSatisfy(pattern -> assertThat(files)
                            .anyMatch(file -> pattern.matcher(file).matches()));
        }
        assertThat(resources).isGreaterThan(30);
        assertThat(unmatched(resources(ROOT.resolve("usage-redis")), patterns(ROOT.resolve("usage-postgres"))))
                .as("scripts that the metadata of another module doesn't have")
                .contains("io/usagekit/redis/acquire.lua");
    }

    @Test
    void methodsThatAreCalledByNameAreInTheMetadataAndInTheDriver() throws Exception {
        JsonNode types = JSON.readTree(
                metadata(ROOT.resolve("usage-postgres"), "reflect-config.json").toFile());
        assertThat(types).hasSize(2);
        String source =
                text(ROOT.resolve("usage-postgres/src/main/java/" + DRIVER_CONNECTION.replace('.', '/') + ".java"));
        Set<String> listed = new TreeSet<>();
        for (JsonNode type : types) {
            Class<?> ofDriver = Class.forName(type.get("name").asText());
            assertThat(source).contains("\"" + ofDriver.getName() + "\"");
            for (JsonNode method : type.get("methods")) {
                listed.add(method.get("name").asText());
                assertThat(ofDriver.getMethods())
                        .as(method.toString())
                        .anyMatch(found ->
                                found.getName().equals(method.get("name").asText())
                                        && parameters(found).equals(texts(method.get("parameterTypes"))));
            }
        }
        Set<String> called = Pattern.compile("(?:call\\(|text\\(notification, )\"(\\w+)\"")
                .matcher(source)
                .results()
                .map(match -> match.group(1))
                .collect(Collectors.toCollection(TreeSet::new));
        assertThat(listed).isNotEmpty().isEqualTo(called);
    }

    private static List<String> parameters(Method method) {
        return Stream.of(method.getParameterTypes()).map(Class::getName).toList();
    }

    private static List<String> texts(JsonNode array) {
        return StreamSupport.stream(array.spliterator(), false)
                .map(JsonNode::asText)
                .toList();
    }

    /** The directories of the modules that a host's application has. */
    private static List<Path> publishedModules() throws IOException {
        try (Stream<Path> top = Files.list(ROOT);
                Stream<Path> integrations = Files.list(ROOT.resolve("integrations"))) {
            List<Path> modules = Stream.concat(top, integrations)
                    .filter(module -> Files.exists(module.resolve("pom.xml")))
                    .filter(module -> text(module.resolve("pom.xml")).contains("<unpublished>false</unpublished>"))
                    .filter(module -> !FOR_TESTS.contains(module.getFileName().toString()))
                    .toList();
            assertThat(modules).contains(ROOT.resolve("usage-postgres"), ROOT.resolve("usage-redis"));
            return modules;
        }
    }

    private static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Resources of a module as native image names them; {@code META-INF} is read by frameworks, which register it. */
    private static Set<String> resources(Path module) throws IOException {
        Path root = module.resolve("src/main/resources");
        if (!Files.exists(root)) {
            return Set.of();
        }
        try (Stream<Path> files = Files.walk(root)) {
            return files.filter(Files::isRegularFile)
                    .map(file -> root.relativize(file).toString().replace('\\', '/'))
                    .filter(name -> !name.startsWith("META-INF/"))
                    .collect(Collectors.toCollection(TreeSet::new));
        }
    }

    private static List<Pattern> patterns(Path module) throws IOException {
        Path file = metadata(module, "resource-config.json");
        if (!Files.exists(file)) {
            return List.of();
        }
        JsonNode includes = JSON.readTree(file.toFile()).at("/resources/includes");
        return StreamSupport.stream(includes.spliterator(), false)
                .map(include -> Pattern.compile(include.get("pattern").asText()))
                .toList();
    }

    private static Path metadata(Path module, String file) {
        return module.resolve("src/main/resources/META-INF/native-image/io.usagekit")
                .resolve(module.getFileName())
                .resolve(file);
    }

    private static List<String> unmatched(Set<String> files, List<Pattern> patterns) {
        return files.stream()
                .filter(file -> patterns.stream()
                        .noneMatch(pattern -> pattern.matcher(file).matches()))
                .toList();
    }
}
