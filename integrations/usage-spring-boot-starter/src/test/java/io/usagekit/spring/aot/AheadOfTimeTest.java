package io.usagekit.spring.aot;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.springframework.boot.SpringApplicationAotProcessor;
import org.springframework.context.aot.AbstractAotProcessor;

/**
 * Spring makes code of the starter's beans ahead of time, and the host starts by that code in a JVM: what a native image needs of the starter's
 * configuration, without GraalVM.
 */
class AheadOfTimeTest {

    private static final String CLASS_PATH =
            System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));

    private final Path directory;

    AheadOfTimeTest(@TempDir Path directory) {
        this.directory = directory;
    }

    @Test
    void theBeansOfTheStarterAreMadeByGeneratedCode() throws Exception {
        Path resources = directory.resolve("resources");
        process(resources);
        compileSources();

        assertThat(run(resources).lines())
                .contains(
                        "generated: true",
                        "permits: 7",
                        "bean: usageTableMapping",
                        "bean: usageRollups",
                        "bean: usageRollupWorker",
                        "bean: usageClickHouse",
                        "bean: usageFeedWorker",
                        "bean: usageHistory",
                        "bean: usageCalculator",
                        "bean: usageCache",
                        "bean: usageSingleFlight",
                        "bean: usageService",
                        "bean: usageEndpoint",
                        "bean: usagekitHealthIndicator",
                        "bean: usageController",
                        "bean: usageProblems");
        assertThat(metadata(resources))
                .as("hints for names that messages have")
                .contains("io.usagekit.spring.UsageProperties$Redis", "commandTimeout")
                .contains("io.usagekit.spring.UsageProperties$ClickHouse$Feed", "cycleTimeout");
    }

    private void process(Path resources) {
        AbstractAotProcessor.Settings settings = AbstractAotProcessor.Settings.builder()
                .sourceOutput(directory.resolve("sources"))
                .resourceOutput(resources)
                .classOutput(directory.resolve("classes"))
                .groupId("host")
                .artifactId("host")
                .build();
        new SpringApplicationAotProcessor(AotHost.class, settings, new String[0]).process();
    }

    private void compileSources() throws IOException {
        List<String> command = new ArrayList<>(List.of(
                "-nowarn",
                "-proc:none",
                "-cp",
                CLASS_PATH,
                "-d",
                directory.resolve("classes").toString()));
        try (Stream<Path> sources = Files.walk(directory.resolve("sources"))) {
            sources.map(Path::toString).filter(name -> name.endsWith(".java")).forEach(command::add);
        }
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        assertThat(compiler.run(null, null, null, command.toArray(String[]::new)))
                .isZero();
    }

    private String run(Path resources) throws IOException, InterruptedException {
        Path output = directory.resolve("output");
        Process host = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:TieredStopAtLevel=1",
                        "-Dspring.aot.enabled=true",
                        "-cp",
                        String.join(
                                File.pathSeparator,
                                directory.resolve("classes").toString(),
                                resources.toString(),
                                CLASS_PATH),
                        AotHost.class.getName())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        try {
            assertThat(host.waitFor(5, TimeUnit.MINUTES)).as("the host ends").isTrue();
        } finally {
            host.destroyForcibly();
        }
        return Files.readString(output);
    }

    private static String metadata(Path resources) throws IOException {
        try (Stream<Path> files = Files.walk(resources)) {
            return files.filter(file -> file.toString().endsWith(".json"))
                    .map(AheadOfTimeTest::read)
                    .collect(Collectors.joining("\n"));
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
