package io.usagekit.micrometer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The alert rules as Prometheus's own tool reads them: each alert fires in its incident, and none where all is well. */
class AlertRulesTest {

    private static final Path RULES = Path.of("..", "..", "docs", "metrics", "prometheus-rules.yml");
    private static final Path TESTS = Path.of("src", "test", "resources", "prometheus-rules-test.yml");

    @TempDir
    private Path directory = Path.of("");

    private record Result(int exitCode, String output) {}

    private Result promtool(String... arguments) throws IOException, InterruptedException {
        Optional<Path> tool = Stream.of(System.getenv().getOrDefault("PATH", "").split(":"))
                .map(place -> Path.of(place, "promtool"))
                .filter(Files::isExecutable)
                .findFirst();
        if (tool.isEmpty()) {
            String why = "no promtool on this machine (apt-get install prometheus)";
            System.out.println("SKIPPED a test of AlertRulesTest: " + why);
            abort(why);
        }
        Path output = directory.resolve("output");
        Process process = new ProcessBuilder(
                        Stream.concat(Stream.of(tool.orElseThrow().toString()), Stream.of(arguments))
                                .toList())
                .redirectErrorStream(true)
                .redirectOutput(output.toFile())
                .start();
        try {
            assertThat(process.waitFor(5, TimeUnit.MINUTES)).as("it ended").isTrue();
        } finally {
            process.destroyForcibly();
        }
        return new Result(process.exitValue(), Files.readString(output, StandardCharsets.UTF_8));
    }

    private static void assertSucceeds(Result result) {
        assertThat(result.exitCode()).as(result.output()).isZero();
        assertThat(result.output()).contains("SUCCESS");
    }

    @Test
    void prometheusReadsTheRules() throws Exception {
        assertSucceeds(promtool("check", "rules", RULES.toString()));
    }

    @Test
    void eachAlertFiresInItsIncidentAndNoneOtherwise() throws Exception {
        assertSucceeds(promtool("test", "rules", TESTS.toString()));
    }

    @Test
    void anAlertThatDoesNotFireIsDetected() throws Exception {
        String rules = Files.readString(RULES);
        Path broken = Files.writeString(
                directory.resolve("prometheus-rules.yml"),
                rules.replace("usagekit_rollups_lag_seconds) > 3 * 3600", "usagekit_rollups_lag_seconds) > 30 * 3600"));
        assertThat(broken).content().isNotEqualTo(rules);
        Path tests = Files.writeString(
                directory.resolve("tests.yml"),
                Files.readString(TESTS)
                        .replace("../../../../../docs/metrics/prometheus-rules.yml", "prometheus-rules.yml"));

        Result result = promtool("test", "rules", tests.toString());

        assertThat(result.exitCode()).as(result.output()).isNotZero();
        assertThat(result.output()).contains("UsagekitRollupsLag");
    }

    @Test
    void eachAlertHasATest() throws IOException {
        List<String> alerts = Files.readAllLines(RULES).stream()
                .filter(line -> line.strip().startsWith("- alert: "))
                .map(line -> line.strip().substring("- alert: ".length()))
                .toList();

        assertThat(alerts)
                .isNotEmpty()
                .allSatisfy(alert -> assertThat(TESTS).content().contains("- labels: '{alertname=\"" + alert + "\"}'"));
    }
}
