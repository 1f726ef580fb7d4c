package io.usagekit.hosts.modulepath;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.servers.PostgresServer;
import io.usagekit.servers.RedisServer;
import java.io.File;
import java.io.IOException;
import java.lang.module.ModuleDescriptor;
import java.lang.module.ModuleFinder;
import java.lang.module.ModuleReader;
import java.lang.module.ModuleReference;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The packaged jars on the module path: {@link ModulePathHost} in a JVM of its own, and what their descriptors say. */
class ModulePathIT {

    private static final Path TARGET = Path.of("target");
    private static final String HOST = "io.usagekit.hosts.modulepath";
    private static final List<String> LIBRARY = List.of(
            "io.usagekit",
            "io.usagekit.postgres",
            "io.usagekit.redis",
            "io.usagekit.clickhouse",
            "io.usagekit.testkit");

    /** Both end with the JVM. */
    private static final PostgresServer POSTGRES = PostgresServer.start();

    private static final RedisServer REDIS = RedisServer.start();

    @TempDir
    private Path directory = Path.of("");

    @BeforeAll
    static void isPackaged() {
        assertThat(TARGET.resolve("modules")).as("copied by mvn package").isDirectory();
    }

    @Test
    void aNamedModuleUsesEveryFeature() throws Exception {
        assertFeatures("modules", jar -> true);
    }

    @Tag("thorough")
    @Test
    void theAnnotationsOfJspecifyAreOptional() throws Exception {
        assertFeatures("modules_bare", jar -> !jar.getFileName().toString().startsWith("jspecify-"));
    }

    private void assertFeatures(String schema, Predicate<Path> included) throws Exception {
        drop(schema);

        String out = run(included, POSTGRES.jdbcUrl(), REDIS.url(), schema);

        assertThat(out.lines())
                .contains(
                        "module: " + HOST,
                        "ledger: 1 events",
                        "roll-ups: finished true",
                        "near cache: hit",
                        "clickhouse: create database if not exists `usagekit`;",
                        "partitions: 2 rows")
                .anySatisfy(line -> assertThat(line)
                        .startsWith("figure: {\"organisation_id\":\"org-1\"")
                        .contains("\"received\":{\"volume\":1,\"bytes\":10},\"sent\":{\"volume\":1,\"bytes\":10}"));
    }

    private static void drop(String schema) throws SQLException {
        try (Connection connection = POSTGRES.dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            statement.execute("drop schema if exists " + schema + " cascade");
            statement.execute("drop schema if exists " + schema + "_rollups cascade");
        }
    }

    /** What the host prints, which ends without an error. */
    private String run(Predicate<Path> included, String... arguments) throws IOException, InterruptedException {
        String modulePath =
                jars().stream().filter(included).map(Path::toString).collect(Collectors.joining(File.pathSeparator));
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--module-path",
                modulePath,
                "--module",
                HOST + "/" + ModulePathHost.class.getName()));
        command.addAll(List.of(arguments));
        Path out = directory.resolve("out");
        Path err = directory.resolve("err");
        Process process = new ProcessBuilder(command)
                .redirectOutput(out.toFile())
                .redirectError(err.toFile())
                .start();
        try {
            assertThat(process.waitFor(2, TimeUnit.MINUTES)).as("it ended").isTrue();
        } finally {
            process.destroyForcibly();
        }
        assertThat(process.exitValue())
                .as("%s%n%s", Files.readString(out), Files.readString(err))
                .isZero();
        return Files.readString(out);
    }

    /** The host and all that it depends on at run time. */
    private static List<Path> jars() throws IOException {
        try (Stream<Path> dependencies = Files.list(TARGET.resolve("modules"));
                Stream<Path> own = Files.list(TARGET)) {
            return Stream.concat(dependencies, own)
                    .filter(file -> file.toString().endsWith(".jar"))
                    .sorted()
                    .toList();
        }
    }

    /** The modules of the host, and the test kit. */
    private static Set<ModuleReference> modules() throws IOException {
        Set<ModuleReference> modules =
                new HashSet<>(ModuleFinder.of(jars().toArray(Path[]::new)).findAll());
        modules.addAll(ModuleFinder.of(TARGET.resolve("test-kit")).findAll());
        return modules;
    }

    private static List<ModuleReference> library() throws IOException {
        List<ModuleReference> library = modules().stream()
                .filter(module -> LIBRARY.contains(module.descriptor().name()))
                .toList();
        assertThat(library).hasSameSizeAs(LIBRARY);
        return library;
    }

    @Test
    void noTwoModulesHaveAPackageInCommon() throws IOException {
        Map<String, Set<String>> owners = new TreeMap<>();
        for (ModuleReference module : modules()) {
            ModuleDescriptor descriptor = module.descriptor();
            descriptor
                    .packages()
                    .forEach(name ->
                            owners.computeIfAbsent(name, any -> new TreeSet<>()).add(descriptor.name()));
        }

        owners.values().removeIf(names -> names.size() == 1);
        assertThat(owners).as("split packages").isEmpty();
    }

    @Test
    void theJarsOfTheLibraryHaveDescriptorsThatExportTheApiAndNoInternals() throws IOException {
        for (ModuleReference module : library()) {
            ModuleDescriptor descriptor = module.descriptor();
            assertThat(descriptor.isAutomatic()).as(descriptor.name()).isFalse();
            assertThat(descriptor.isOpen()).as(descriptor.name()).isFalse();
            Set<String> exported = descriptor.exports().stream()
                    .map(ModuleDescriptor.Exports::source)
                    .collect(Collectors.toSet());
            Set<String> api = descriptor.packages().stream()
                    .filter(name -> !Arrays.asList(name.split("[.]")).contains("internal"))
                    .filter(name -> !name.startsWith("META-INF"))
                    .collect(Collectors.toSet());
            assertThat(exported).as(descriptor.name()).isEqualTo(api);
        }
    }

    /** On the module path only {@code provides} counts, on the class path only the files in {@code META-INF/services}. */
    @Test
    void servicesAreDeclaredForBothPaths() throws IOException {
        for (ModuleReference module : library()) {
            ModuleDescriptor descriptor = module.descriptor();
            Set<String> declared = descriptor.provides().stream()
                    .map(ModuleDescriptor.Provides::service)
                    .collect(Collectors.toSet());
            try (ModuleReader reader = module.open();
                    Stream<String> names = reader.list()) {
                Set<String> files = names.filter(name -> name.startsWith("META-INF/services/") && !name.endsWith("/"))
                        .map(name -> name.substring("META-INF/services/".length()))
                        .collect(Collectors.toSet());
                assertThat(files).as(descriptor.name()).isEqualTo(declared);
            }
        }
    }

    /** {@code requires static} of a module that is on the path in any case would hide that it is needed. */
    @Test
    void onlyAnnotationsAndWhatTestsHaveAreOptional() throws IOException {
        Map<String, Set<String>> optional = new TreeMap<>();
        for (ModuleReference module : library()) {
            Set<String> names = module.descriptor().requires().stream()
                    .filter(requires -> requires.modifiers().contains(ModuleDescriptor.Requires.Modifier.STATIC))
                    .map(ModuleDescriptor.Requires::name)
                    .collect(Collectors.toSet());
            optional.put(module.descriptor().name(), names);
        }

        assertThat(optional)
                .isEqualTo(Map.of(
                        "io.usagekit", Set.of("org.jspecify"),
                        "io.usagekit.postgres", Set.of("org.jspecify"),
                        "io.usagekit.redis", Set.of("org.jspecify"),
                        "io.usagekit.clickhouse", Set.of("org.jspecify"),
                        "io.usagekit.testkit", Set.of("org.jspecify", "org.junit.jupiter.api", "org.assertj.core")));
    }
}
