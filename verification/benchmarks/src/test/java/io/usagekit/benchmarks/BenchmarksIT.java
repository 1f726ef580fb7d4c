package io.usagekit.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.usagekit.servers.ClickHouseCluster;
import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

/** Each benchmark runs and prints, in {@code -Pthorough}; its measurements take longer runs. */
class BenchmarksIT {

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @Tag("thorough")
    @ParameterizedTest
    @CsvSource({"near,octets allocated", "hit,octets allocated", "outage,a call with Redis down"})
    void everyBenchmarkPrintsItsTable(String command, String peer) {
        assertThat(run(command, "--rounds", "2", "--times", "20"))
                .as(err.toString())
                .isZero();
        assertThat(out.toString()).contains("median", "quartiles", "ratio", peer);
    }

    @Tag("thorough")
    @Test
    void bulkPrintsItsTable() {
        assertThat(run("bulk", "--rounds", "1", "--times", "1", "--events", "2000"))
                .as(err.toString())
                .isZero();
        assertThat(out.toString()).contains("100 gets, computed", "getAll of 100, found in Redis");
    }

    @Tag("thorough")
    @ParameterizedTest
    @CsvSource({
        "rollups,all organisations",
        "writes,change of a status",
        "partitions,unpartition of",
        "ledger,export of"
    })
    void everyBenchmarkOfPostgresPrintsItsLines(String command, String line) {
        assertThat(run(command, "--events", "2000")).as(err.toString()).isZero();
        assertThat(out.toString()).contains(line);
    }

    @Tag("thorough")
    @Test
    void clickhousePrintsItsLinesAndItsTable() {
        // ClickHouse comes from npm, which a machine with a JDK and Maven alone lacks; .ci/run installs it.
        assumeTrue(ClickHouseCluster.isInstalled(), () -> ClickHouseCluster.announceSkipped(BenchmarksIT.class));
        assertThat(run("clickhouse", "--rounds", "1", "--events", "2000"))
                .as(err.toString())
                .isZero();
        assertThat(out.toString())
                .containsPattern("large: [1-9][0-9,]+ events; [1-9][0-9,]+ hours shipped")
                .containsPattern(
                        "large, org-1: buffers of PostgreSQL for a figure from roll-ups [0-9,]+, from shards [0-9,]+")
                .contains("org-100 from shards alone, large", "days of org-1 from shards alone, large");
    }

    @Tag("thorough")
    @Test
    void recordingPrintsItsTables() {
        assertThat(run("recording", "--rounds", "1", "--partitions", "3"))
                .as(err.toString())
                .isZero();
        assertThat(out.toString())
                .contains("one by one", "lists of 100", "lists of 10,000", "recordAll, keyed, 3 partitions");
    }

    @Tag("thorough")
    @Test
    void scalePrintsItsTable() {
        assertThat(run("scale", "--events", "2000", "--partitions", "40,50", "--samples", "1"))
                .as(err.toString())
                .isZero();
        assertThat(out.toString())
                .contains("2,000 events", "unpartitioned", "40 partitions", "50 partitions")
                .contains("clean roll-up read, tiny organisation", "combined query of a month, large organisation")
                .contains("re-rolls one late row", "back-fill, 1,000 rows", "retention, 1,000 rows", "verify")
                .contains("planning ms", "execution ms", "buffers, ratio")
                .doesNotContain("NaN", "Infinity");
    }

    @Tag("thorough")
    @Test
    void recoveryPrintsItsTable() {
        assertThat(run("recovery", "--repetitions", "1")).as(err.toString()).isZero();
        assertThat(out.toString())
                .contains("stored, median", "near, median", "connections are swallowed", "master of a cluster hangs");
    }

    @Tag("thorough")
    @Test
    void waitersPrintsItsTable() {
        assertThat(run("waiters", "--repetitions", "1")).as(err.toString()).isZero();
        assertThat(out.toString())
                .contains("192 callers in 3 processes", "first round, a latch", "rounds 2 to 3, a figure over Redis");
    }

    @Test
    void rejectsNumbersOutOfBounds() {
        assertThat(run("near", "--rounds", "0")).isEqualTo(CommandLine.ExitCode.USAGE);
        assertThat(err.toString()).contains("--rounds must be between 1 and 10000, but was 0");
        assertThat(run("rollups", "--events", "99")).isEqualTo(CommandLine.ExitCode.USAGE);
        assertThat(err.toString()).contains("--events must be between 100 and 100000000, but was 99");
        assertThat(run("scale", "--partitions", "400,39")).isEqualTo(CommandLine.ExitCode.USAGE);
        assertThat(err.toString()).contains("--partitions must be between 40 and 10000, but was 39");
        assertThat(run("scale", "--samples", "21")).isEqualTo(CommandLine.ExitCode.USAGE);
        assertThat(err.toString()).contains("--samples must be between 1 and 20, but was 21");
        assertThat(run("recording", "--partitions", "396")).isEqualTo(CommandLine.ExitCode.USAGE);
        assertThat(err.toString()).contains("--partitions must be between 0 and 395, but was 396");
        assertThat(run("recovery", "--repetitions", "0")).isEqualTo(CommandLine.ExitCode.USAGE);
        assertThat(err.toString()).contains("--repetitions must be between 1 and 1000, but was 0");
    }

    @Test
    void rejectsMissingCommand() {
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
