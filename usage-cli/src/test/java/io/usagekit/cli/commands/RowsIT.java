package io.usagekit.cli.commands;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.cli.Run;
import io.usagekit.cli.TestServers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The rows behind a figure, in a gateway's tables and in those that a file names. */
class RowsIT {

    private static final String SCHEMA = "rowed";

    @TempDir
    private Path directory = Path.of("");

    @BeforeAll
    static void create() {
        TestServers.without(SCHEMA + "_rollups");
        TestServers.gatewayTables(SCHEMA);
        TestServers.execute("insert into rowed.projects values ('p', 'org-1', null);"
                + "insert into rowed.events select 'e' || n, 'p', repeat('x', n), '',"
                + " timestamptz '2026-03-01Z' + n * interval '1 day', null from generate_series(1, 5) n;"
                + "insert into rowed.event_deliveries select 'd' || n, 'p', 'e' || n, 'Success',"
                + " timestamptz '2026-03-02Z' + n * interval '1 day' from generate_series(1, 5) n");
    }

    @AfterAll
    static void drop() {
        TestServers.without(SCHEMA + "_rollups");
        TestServers.without(SCHEMA);
    }

    private static Run rows(String... more) {
        List<String> line = new ArrayList<>(List.of("rows"));
        line.addAll(List.of(more));
        line.addAll(List.of("--jdbc-url", TestServers.jdbcUrl(), "--organisation", "org-1", "--period", "2026-03"));
        return Run.of(line.toArray(String[]::new));
    }

    private static Run inSchema(String... more) {
        List<String> line = new ArrayList<>(List.of(more));
        line.addAll(List.of("--schema", SCHEMA));
        return rows(line.toArray(String[]::new));
    }

    @Test
    void pagesLeadFromOneToTheNextAndBack() {
        String first = inSchema("received", "--size", "2", "--order", "asc")
                .succeeded()
                .out();
        assertThat(first)
                .containsPattern("2026-03-02T00:00:00Z \\| e1 +\\| p +\\| +1 \\|")
                .contains(" e2 ")
                .doesNotContain(" e3 ")
                .doesNotContain("previous");
        String second = inSchema(
                        "received",
                        "--size",
                        "2",
                        "--order",
                        "asc",
                        "--cursor",
                        first.replaceFirst("(?s).*next +", "").strip())
                .succeeded()
                .out();
        assertThat(second).contains(" e3 ", " e4 ").doesNotContain(" e2 ", " e5 ");
        String back = second.replaceFirst("(?s).*previous +(\\S+).*", "$1");
        assertThat(inSchema("received", "--size", "2", "--order", "asc", "--cursor", back)
                        .succeeded()
                        .out())
                .isEqualTo(first);
        assertThat(inSchema("sent").succeeded().out())
                .containsPattern("2026-03-07T00:00:00Z \\| d5 +\\| e5 +\\| p +\\| +5 \\|");
        inSchema("sent", "--cursor", "made up").failed(2).saying("cursor must be one that this library has given out");
        inSchema("sent", "--size", "1001").failed(2).saying("1000");
    }

    @Test
    void exportsAddUpToTheFigure() throws IOException {
        Path file = directory.resolve("rows");
        Run csv = inSchema("export", "sent", "--file", file.toString()).succeeded();
        assertThat(csv.out()).isEmpty();
        assertThat(csv.err()).contains("5 rows, 15 octets");
        assertThat(Files.readAllLines(file))
                .startsWith("created_at,delivery_id,event_id,project_id,bytes", "2026-03-03T00:00:00Z,d1,e1,p,1")
                .hasSize(6);
        inSchema("export", "received", "--format", "ndjson", "--file", file.toString())
                .succeeded();
        assertThat(Files.readAllLines(file))
                .startsWith(
                        "{\"created_at\":\"2026-03-02T00:00:00Z\",\"event_id\":\"e1\",\"project_id\":\"p\",\"bytes\":1}")
                .hasSize(5);
        inSchema("export", "everything").failed(2).saying("[RECEIVED, SENT]");
        inSchema("export").failed(2).saying("SIDE");
    }

    @Test
    void saysWhichRowsRetentionHasDeleted() {
        TestServers.execute(
                "insert into rowed.projects values ('kept', 'org-kept', null);"
                        + "insert into rowed.events values ('k1', 'kept', 'xxx', '', '2026-03-01Z', null), ('k2', 'kept', 'x', '', '2026-03-20Z', null)");
        Run.of("rollups", "install", "--jdbc-url", TestServers.jdbcUrl(), "--schema", SCHEMA)
                .succeeded();
        Run.of(
                        "rollups",
                        "retain",
                        "--before",
                        "2026-03-02T00:00:00Z",
                        "--jdbc-url",
                        TestServers.jdbcUrl(),
                        "--schema",
                        SCHEMA)
                .succeeded();
        String page = Run.of(
                        "rows",
                        "received",
                        "--jdbc-url",
                        TestServers.jdbcUrl(),
                        "--schema",
                        SCHEMA,
                        "--organisation",
                        "org-kept",
                        "--period",
                        "2026-03")
                .succeeded()
                .out();
        assertThat(page)
                .contains(" k2 ")
                .contains(
                        "without rows, since retention has deleted them: 1 of 3 octets from 2026-03-01T00:00:00Z to 2026-03-01T00:15:00Z");
    }

    @Test
    void tablesThatAFileNamesAreRead() throws IOException {
        TestServers.execute(
                "create view rowed.attempts as select id as attempt, project_id, event_id, status, created_at"
                        + " from rowed.event_deliveries");
        Path file = Files.writeString(directory.resolve("names.properties"), "schema = rowed\ndeliveries = attempts\n");
        rows("sent", "--mapping", file.toString())
                .failed(1)
                .saying("\"attempts\" has no column \"id\" (mapped as deliveryId)", "map deliveryId");
        Files.writeString(file, "schema = rowed\ndeliveries = attempts\ndeliveryId = attempt\n");
        assertThat(rows("sent", "--mapping", file.toString()).succeeded().out()).contains(" d5 ");
    }

    @Test
    void theLedgerRefersToIt() {
        Run page = Run.of("events", "page", "--project", "p", "--jdbc-url", TestServers.jdbcUrl(), "--schema", SCHEMA)
                .failed(1)
                .saying(
                        "the table \"rowed\".\"events\" isn't the library's own",
                        "the event ledger works on those only; run \"usage rows received --schema rowed\"");
        assertThat(page.err().strip().lines()).hasSize(1);
    }
}
