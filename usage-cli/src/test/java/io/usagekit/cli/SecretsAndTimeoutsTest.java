package io.usagekit.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.cli.support.DatabaseOptions;
import io.usagekit.cli.support.Failures;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.OptionSpec;

/** What no command prints, how long it waits for a database, and which options it has. */
class SecretsAndTimeoutsTest {

    private static final String SECRET = "hunter2";

    static Stream<List<String>> commands() {
        return CommandTree.leaves().entrySet().stream().map(entry -> line(entry.getKey(), entry.getValue()));
    }

    /** A command with the options that it requires, on a database and a Redis that aren't there. */
    private static List<String> line(String name, CommandLine command) {
        List<String> line = new ArrayList<>(List.of(name.split(" ")));
        Set<String> options = options(command);
        line.addAll(List.of("--jdbc-url", "jdbc:postgresql://127.0.0.1:1/x?user=u&password=" + SECRET));
        if (options.contains("--redis-url")) {
            line.addAll(List.of("--redis-url", "redis://u:" + SECRET + "@127.0.0.1:1"));
        }
        if (options.contains("--clickhouse-url")) {
            line.addAll(List.of("--clickhouse-url", "jdbc:ch://127.0.0.1:1?user=u&password=" + SECRET));
        }
        if (options.contains("--port")) {
            line.addAll(List.of("--port", "0"));
        }
        if (options.contains("--period")) {
            line.addAll(List.of("--period", "2026-03"));
        }
        if (options.contains("--all-projects")) {
            line.add("--all-projects");
        }
        command.getCommandSpec().options().stream()
                .filter(OptionSpec::required)
                .filter(option -> option.group() == null)
                .forEach(option -> line.addAll(List.of(
                        option.longestName(),
                        switch (option.longestName()) {
                            case "--before" -> "2020-01-01T00:00:00Z";
                            case "--file" -> "pom.xml";
                            default -> "x";
                        })));
        command.getCommandSpec().positionalParameters().stream()
                .filter(parameter -> parameter.arity().min() > 0)
                .forEach(parameter -> line.add(
                        parameter.completionCandidates() == null
                                ? "x"
                                : parameter.completionCandidates().iterator().next()));
        return line;
    }

    private static Set<String> options(CommandLine command) {
        return command.getCommandSpec().options().stream()
                .flatMap(option -> Stream.of(option.names()))
                .collect(Collectors.toCollection(TreeSet::new));
    }

    @ParameterizedTest
    @MethodSource("commands")
    void noCommandPrintsAPassword(List<String> line) {
        Run run = Run.of(line.toArray(String[]::new)).failed(1).saying("127.0.0.1:1 refused");
        assertThat(run.out() + run.err()).doesNotContain(SECRET).doesNotContain("postmaster");
        assertThat(run.err().strip().lines()).hasSize(1);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "can't connect to jdbc:postgresql://h/d?user=u&password=hunter2&ssl=true | can't connect to jdbc:postgresql://h/d?user=u&password=****&ssl=true",
                "can't connect to redis://u:hunter2@h:1/0 and rediss://hunter2@h | can't connect to redis://u:****@h:1/0 and rediss://****@h",
                "jdbc:postgresql://h/d?sslPassword=hunter2 | jdbc:postgresql://h/d?sslPassword=****",
                "see http://example.org/a@b | see http://example.org/a@b",
            })
    void passwordsInMessagesOfLibrariesAreMasked(String message, String masked) {
        assertThat(Failures.describe(new IllegalStateException(message))).isEqualTo(masked);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "get|redis://u:hunter2@h",
                "get|--jdbc-ulr|jdbc:postgresql://h/d?user=u&password=hunter2",
                "rollups|status|--redis-url|redis://u:hunter2@h",
                "get|--jdbc-url|jdbc:postgresql://h/d?password=hunter2|--organisation|o|--period|redis://:hunter2@h",
            })
    void badUsageThatQuotesAnArgumentMasksItsPassword(String line) {
        Run run = Run.of(line.split("[|]", -1)).failed(2);
        assertThat(run.err()).doesNotContain(SECRET);
    }

    @Test
    void aPasswordThatCantBeReadIsntQuoted() {
        assertThatThrownBy(() -> UsageCommand.rejectUnreadable("get", "--password", "hunter2\uFFFD"))
                .hasMessageContaining("the argument after --password can't be read")
                .hasMessageNotContaining(SECRET);
        assertThatThrownBy(() -> UsageCommand.rejectUnreadable("get", "\uFFFD"))
                .hasMessageContaining("the argument '\uFFFD' can't be read");
    }

    @Test
    void aServerThatNeverAnswersEndsTheCommand() throws IOException {
        try (ServerSocket silent = new ServerSocket(0, 10, InetAddress.getLoopbackAddress())) {
            String url = "jdbc:postgresql://127.0.0.1:" + silent.getLocalPort() + "/x?loginTimeout=1";
            Run.of("get", "--jdbc-url", url, "--organisation", "o", "--period", "2026-03")
                    .failed(1)
                    .saying("no connection to the database server 127.0.0.1:" + silent.getLocalPort() + " within 1 s");
        }
    }

    @Test
    void aFailureBeforeTheLimitOfTimeDoesntBlameIt() throws Exception {
        try (ServerSocket hangingUp = new ServerSocket(0, 10, InetAddress.getLoopbackAddress())) {
            Thread server = new Thread(() -> {
                try {
                    while (true) {
                        hangingUp.accept().close();
                    }
                } catch (IOException e) {
                    // The test is over.
                }
            });
            server.start();
            String url = "jdbc:postgresql://127.0.0.1:" + hangingUp.getLocalPort() + "/x?loginTimeout=60";
            Run run = Run.of("get", "--jdbc-url", url, "--organisation", "o", "--period", "2026-03")
                    .failed(1)
                    .saying("no connection to the database server 127.0.0.1:" + hangingUp.getLocalPort() + ": ");
            assertThat(run.err()).doesNotContain("within", "loginTimeout");
        }
    }

    @Test
    void connectingIsLimitedUnlessTheUrlSaysHow() {
        assertThat(DatabaseOptions.connectingTo("jdbc:postgresql://h/d").getLoginTimeout())
                .isEqualTo(15);
        assertThat(DatabaseOptions.connectingTo("jdbc:postgresql://h/d?loginTimeout=3")
                        .getLoginTimeout())
                .isEqualTo(3);
    }

    @Test
    void optionsStandOnlyWhereTheyWork() {
        assertThat(commandsWith("--ahead")).containsExactly("events partition", "partitions ahead", "partitions run");
        assertThat(commandsWith("--redis-url")).containsExactly("demo", "get");
        assertThat(commandsWith("--mapping"))
                .containsExactly(
                        "clickhouse install",
                        "clickhouse ship",
                        "clickhouse status",
                        "clickhouse verify",
                        "events partition",
                        "events retain",
                        "get",
                        "indexes install",
                        "indexes print",
                        "indexes status",
                        "partitions ahead",
                        "partitions expire",
                        "partitions run",
                        "partitions status",
                        "partitions undo",
                        "rollups accept-retained",
                        "rollups backfill",
                        "rollups install",
                        "rollups move-retained",
                        "rollups omit-retained",
                        "rollups remove",
                        "rollups retain",
                        "rollups run",
                        "rollups status",
                        "rollups verify",
                        "rows export",
                        "rows received",
                        "rows sent");
        assertThat(commandsWith("--clickhouse-url"))
                .containsExactly(
                        "clickhouse install", "clickhouse ship", "clickhouse status", "clickhouse verify", "get");
        assertThat(commandsWith("--print"))
                .containsExactly("clickhouse install", "events install", "install", "rollups install");
    }

    private static Set<String> commandsWith(String option) {
        return CommandTree.leaves().entrySet().stream()
                .filter(command -> options(command.getValue()).contains(option))
                .map(command -> command.getKey())
                .collect(Collectors.toCollection(TreeSet::new));
    }
}
