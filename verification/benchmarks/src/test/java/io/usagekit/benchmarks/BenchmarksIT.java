package io.usagekit.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/** That they run; what they measure is for those who run them for long. */
class BenchmarksIT {

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @ParameterizedTest
    @CsvSource({"near,Redisson", "outage,a call with Redis down"})
    void everyBenchmarkPrintsItsTable(String command, String peer) {
        assertThat(run(command, "--rounds", "2", "--times", "20"))
                .as(err.toString())
                .isZero();
        assertThat(out.toString()).contains("median", "quartiles", "ratio", peer);
    }

    @Test
    void whatIsOutOfBoundsIsRefusedByName() {
        assertThat(run("near", "--rounds", "0")).isEqualTo(CommandLine.ExitCode.USAGE);
        assertThat(err.toString()).contains("--rounds must be between 1 and 10000, but was 0");
    }

    @Test
    void aCommandIsNeeded() {
        assertThat(run()).isEqualTo(CommandLine.ExitCode.USAGE);
        assertThat(err.toString()).contains("a COMMAND is missing");
    }

    private int run(String... arguments) {
        return BenchmarksCommand.commandLine()
                .setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err))
                .execute(arguments);
    }
}
