package io.usagekit.cli.commands;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.cli.CommandTree;
import io.usagekit.cli.Run;
import io.usagekit.cli.TestServers;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Each command without what it needs says which command comes first. */
class CommandOrderIT {

    /** What a schema holds. */
    private enum State {
        /** There is no schema. */
        ABSENT("order_absent"),
        /** A schema without tables. */
        EMPTY("order_empty"),
        /** The library's own tables, without what the ledger adds. */
        WITHOUT_LEDGER("order_without_ledger"),
        /** A gateway's tables. */
        GATEWAY("order_gateway"),
        /** The library's own tables with roll-ups in which nothing is rolled. */
        NOT_ROLLED("order_not_rolled"),
        /** Partitioned tables without roll-ups. */
        PARTITIONED("order_partitioned");

        private final String schema;

        State(String schema) {
            this.schema = schema;
        }
    }

    private static final String CLICKHOUSE = "--clickhouse-url jdbc:ch://127.0.0.1:1";
    private static final String BEFORE = "2020-01-01T00:00:00Z";

    /** The commands that need tables, with the arguments that they require. */
    private static final Map<String, String> COMMANDS = Map.ofEntries(
            Map.entry("load", "--file pom.xml"),
            Map.entry("get", "--organisation o --period 2026-03"),
            Map.entry("indexes install", ""),
            Map.entry("indexes print", ""),
            Map.entry("indexes status", ""),
            Map.entry("rollups install", ""),
            Map.entry("rollups status", ""),
            Map.entry("rollups backfill", ""),
            Map.entry("rollups run", "--once"),
            Map.entry("rollups verify", ""),
            Map.entry("rollups retain", "--before " + BEFORE),
            Map.entry("rollups remove", ""),
            Map.entry("rollups accept-retained", ""),
            Map.entry("rollups move-retained", "old new"),
            Map.entry("rollups omit-retained", "old"),
            Map.entry("clickhouse install", CLICKHOUSE),
            Map.entry("clickhouse ship", CLICKHOUSE),
            Map.entry("clickhouse status", CLICKHOUSE),
            Map.entry("clickhouse verify", CLICKHOUSE),
            Map.entry("rows received", "--organisation o --period 2026-03"),
            Map.entry("rows sent", "--organisation o --period 2026-03"),
            Map.entry("rows export", "sent --organisation o --period 2026-03 --file target/rows.csv"),
            Map.entry("events page", "--project p"),
            Map.entry("events show", "--project p event"),
            Map.entry("events count", "--project p"),
            Map.entry("events export", "--project p"),
            Map.entry("events tokenise", "--project p"),
            Map.entry("events delete-tokens", "--project p"),
            Map.entry("events partition", ""),
            Map.entry("events retain", "--before " + BEFORE),
            Map.entry("partitions run", ""),
            Map.entry("partitions undo", ""),
            Map.entry("partitions ahead", ""),
            Map.entry("partitions expire", "--before " + BEFORE),
            Map.entry("partitions status", ""));

    /** The commands that need none: they create the tables, in a database of somebody's or in one of their own. */
    private static final Set<String> FIRST = Set.of("install", "events install", "demo");

    @BeforeAll
    static void create() {
        drop();
        TestServers.execute("create schema " + State.EMPTY.schema);
        PostgresUsage.install(TestServers.POSTGRES.dataSource(), State.WITHOUT_LEDGER.schema);
        TestServers.gatewayTables(State.GATEWAY.schema);
        PostgresUsage.install(TestServers.POSTGRES.dataSource(), State.NOT_ROLLED.schema);
        PostgresRollups.of(TestServers.POSTGRES.dataSource(), TableMapping.usagekit(State.NOT_ROLLED.schema))
                .install();
        PostgresUsage.install(TestServers.POSTGRES.dataSource(), State.PARTITIONED.schema);
        run("partitions run", State.PARTITIONED).succeeded();
    }

    private static Run run(String command, State state) {
        List<String> line = new ArrayList<>(List.of(command.split(" ")));
        line.addAll(List.of("--jdbc-url", TestServers.jdbcUrl(), "--schema", state.schema));
        Arrays.stream(COMMANDS.getOrDefault(command, "").split(" "))
                .filter(argument -> !argument.isEmpty())
                .forEach(line::add);
        return Run.of(line.toArray(String[]::new));
    }

    @AfterAll
    static void drop() {
        for (State state : State.values()) {
            TestServers.without(state.schema + "_rollups");
            TestServers.without(state.schema + "_partitions");
            TestServers.without(state.schema);
        }
    }

    static Stream<Arguments> cases() {
        List<Arguments> cases = new ArrayList<>();
        for (String command : new TreeSet<>(COMMANDS.keySet())) {
            cases.add(Arguments.of(State.ABSENT, command, "there is no schema \"order_absent\"", "install"));
            cases.add(Arguments.of(State.EMPTY, command, "there is no table \"order_empty\".\"projects\"", "install"));
        }
        for (String command : List.of("page", "show", "count", "export", "tokenise", "delete-tokens")) {
            cases.add(Arguments.of(
                    State.WITHOUT_LEDGER, "events " + command, "lacks parts of the event ledger", "install"));
            cases.add(Arguments.of(State.GATEWAY, "events " + command, "isn't the library's own", "rows received"));
        }
        for (String command : List.of(
                "status", "backfill", "run", "verify", "retain", "accept-retained", "move-retained", "omit-retained")) {
            cases.add(Arguments.of(State.GATEWAY, "rollups " + command, "there are no roll-ups", "rollups install"));
        }
        for (String command : List.of("install", "ship", "status", "verify")) {
            cases.add(Arguments.of(State.GATEWAY, "clickhouse " + command, "there are no roll-ups", "rollups install"));
        }
        for (String command : List.of("ship", "status", "verify")) {
            cases.add(Arguments.of(
                    State.NOT_ROLLED, "clickhouse " + command, "there is no feed of these", "clickhouse install"));
        }
        cases.add(Arguments.of(State.GATEWAY, "events retain", "there are no roll-ups", "rollups install"));
        cases.add(Arguments.of(State.NOT_ROLLED, "rollups verify", "nothing is rolled yet", "rollups backfill"));
        for (String command : List.of("ahead", "expire")) {
            cases.add(Arguments.of(State.GATEWAY, "partitions " + command, "is partitioned", "partitions run"));
        }
        cases.add(Arguments.of(State.PARTITIONED, "partitions expire", "there are no roll-ups", "rollups install"));
        return cases.stream();
    }

    @ParameterizedTest
    @MethodSource("cases")
    void theCommandThatComesFirstIsNamed(State state, String command, String missing, String first) {
        Run run = run(command, state).failed(1).saying(missing);

        assertThat(run.err()).startsWith("usage " + command + ": ");
        assertThat(run.err()).contains("\"usage " + first + " --schema " + state.schema + "\"");
        assertThat(run.err().strip().lines()).hasSize(1);
        assertThat(run.err()).as("no hint for programmers").doesNotContainPattern("\\w\\(\\)");
    }

    @Test
    void everyCommandIsListedHere() {
        Set<String> listed = new TreeSet<>(COMMANDS.keySet());
        listed.addAll(FIRST);
        assertThat(CommandTree.leaves().keySet()).isEqualTo(listed);
    }

    @Test
    void tablesOfOthersArentExtended() {
        for (String install : List.of("install", "events install")) {
            run(install, State.GATEWAY).failed(1).saying("isn't the library's own", "no column payload_bytes");
        }
        assertThat(TestServers.query("select count(*) from pg_attribute where attname = 'source_id'"
                        + " and attrelid = 'order_gateway.events'::regclass"))
                .isEqualTo("0");
    }
}
