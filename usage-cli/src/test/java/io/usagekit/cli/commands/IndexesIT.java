package io.usagekit.cli.commands;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.cli.Run;
import io.usagekit.cli.TestServers;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class IndexesIT {

    private static final String SCHEMA = "indexed";

    @BeforeEach
    void create() {
        drop();
        TestServers.gatewayTables(SCHEMA);
    }

    @AfterEach
    void drop() {
        TestServers.without(SCHEMA + "_rollups");
        TestServers.without(SCHEMA);
    }

    private static Run run(String command) {
        return Run.of(Stream.concat(
                        Stream.of(command.split(" ")),
                        List.of("--jdbc-url", TestServers.jdbcUrl(), "--schema", SCHEMA).stream())
                .toArray(String[]::new));
    }

    @Test
    void installsWhatStatusNames() {
        Run missing = run("indexes status");
        assertThat(missing.exitCode()).isEqualTo(1);
        assertThat(missing.out())
                .contains("missing \"indexed\".\"events\" (\"project_id\", \"created_at\")")
                .contains("missing \"indexed\".\"event_deliveries\" (")
                .contains("run \"usage indexes install --schema indexed\"");
        assertThat(run("indexes print").succeeded().out())
                .contains("create index concurrently if not exists \"events_usage_");

        assertThat(run("indexes install").succeeded().out())
                .contains("present \"indexed\".\"events\" (\"project_id\", \"created_at\"): events_usage_");

        assertThat(run("indexes status").succeeded().out()).doesNotContain("missing");
        assertThat(run("indexes install").succeeded().out()).doesNotContain("missing");
    }

    @Test
    void rollupsPrintAndNameIndexesAsWell() {
        assertThat(run("rollups install --print").succeeded().out())
                .contains("create index if not exists \"events_usage_")
                .contains("create index if not exists \"event_deliveries_usage_");
        run("rollups install").succeeded();
        assertThat(run("rollups status").succeeded().out()).doesNotContain("missing");

        String index = TestServers.query(
                "select indexname from pg_indexes where schemaname = 'indexed' and indexname like 'events_usage_%'");
        TestServers.execute("drop index indexed." + index);

        assertThat(run("rollups status").succeeded().out())
                .contains("missing index:        \"indexed\".\"events\" (\"project_id\", \"created_at\")");
    }
}
