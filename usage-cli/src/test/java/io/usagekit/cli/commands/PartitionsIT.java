package io.usagekit.cli.commands;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.cli.Run;
import io.usagekit.cli.TestServers;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class PartitionsIT {

    private static final String SCHEMA = "parted";

    @BeforeEach
    void create() {
        drop();
        TestServers.gatewayTables(SCHEMA);
        TestServers.execute(
                "insert into parted.projects values ('p', 'org-123', null);"
                        + "insert into parted.events select 'e' || n, 'p', 'seven b', '', timestamptz '2026-03-17Z' + n * interval '1"
                        + " hour', null from generate_series(1, 100) n;"
                        + "insert into parted.event_deliveries select id, project_id, id, 'Success', created_at from parted.events");
    }

    @AfterEach
    void drop() {
        TestServers.without(SCHEMA + "_rollups");
        TestServers.without(SCHEMA + "_partitions");
        TestServers.without(SCHEMA);
    }

    private static Run run(String command, String... arguments) {
        return Run.of(Stream.of(
                        List.of(command.split(" ")),
                        List.of(arguments),
                        List.of("--jdbc-url", TestServers.jdbcUrl(), "--schema", SCHEMA))
                .flatMap(List::stream)
                .toArray(String[]::new));
    }

    private static String figure() {
        return run("get", "--organisation", "org-123", "--period", "2026-03", "--rollups")
                .succeeded()
                .out()
                .replaceAll("\"created_at\":\"[^\"]*\"", "");
    }

    @Test
    void partitionsTablesDropsOldRowsAndMakesThemPlain() {
        run("rollups install").succeeded();
        run("rollups run --once").succeeded();
        String before = figure();
        assertThat(run("partitions status").succeeded().out()).contains("events: plain", "deliveries: plain");
        assertThat(run("partitions run", "--by", "month").succeeded().out()).contains("200 rows copied, ");
        assertThat(run("partitions status").succeeded().out())
                .contains("events: partitioned by MONTH")
                .contains("  event_deliveries_p202603 2026-03-01T00:00:00Z to 2026-04-01T00:00:00Z, ");
        assertThat(figure()).isEqualTo(before);
        assertThat(run("partitions ahead", "--ahead", "4").succeeded().out()).contains("created: events_p");
        assertThat(run("partitions expire", "--before", "2026-04-01T00:00:00Z")
                        .succeeded()
                        .out())
                .contains("100 events and 100 deliveries deleted, their sums kept")
                .contains("dropped: event_deliveries_p202603, events_p202603");
        assertThat(figure()).isEqualTo(before);
        assertThat(run("partitions undo").succeeded().out()).contains("0 rows copied, ");
        assertThat(figure()).isEqualTo(before);
    }

    @Tag("thorough")
    @Test
    void runsUnderEventsAsWell() {
        run("rollups install").succeeded();
        assertThat(run("events partition", "--by", "week").succeeded().out()).contains("200 rows copied, ");
        String before = figure();
        assertThat(run("events retain", "--before", "2026-03-19T00:00:00Z")
                        .succeeded()
                        .out())
                .startsWith("47 events and 47 deliveries from before 2026-03-19T00:00:00Z are gone");
        assertThat(figure()).isEqualTo(before).contains("\"volume\":100");
        run("partitions expire", "--before", "yesterday").failed(2).saying("'yesterday' is no instant such as");
    }

    @Test
    void continuesAndExpiresPartitionsOfHost() {
        run("rollups install").succeeded();
        run("rollups run --once").succeeded();
        String before = figure();
        for (String table : List.of("events", "event_deliveries")) {
            TestServers.execute("alter table parted." + table + " rename to old_" + table + ";"
                    + "create table parted." + table + " (like parted.old_" + table
                    + " including defaults) partition by list (project_id);"
                    + "create table parted." + table + "_p partition of parted." + table
                    + " for values in ('p') partition by range (created_at);"
                    + "create table parted." + table + "_p_202603 partition of parted." + table
                    + "_p for values from ('2026-03-01Z') to ('2026-04-01Z');"
                    + "insert into parted." + table + " select * from parted.old_" + table);
        }
        TestServers.execute("drop table parted.old_event_deliveries, parted.old_events");
        assertThat(run("partitions status").succeeded().out())
                .contains("events: partitioned by LIST (project_id), not by this tool")
                .contains("  events_p FOR VALUES IN ('p'), ")
                .contains(", by RANGE (created_at)")
                .contains("    events_p_202603 2026-03-01T00:00:00Z to 2026-04-01T00:00:00Z, ")
                .doesNotContain("plain");

        assertThat(run("partitions ahead", "--ahead", "1", "--published")
                        .succeeded()
                        .out())
                .contains("created: events_p_");
        assertThat(run("partitions ahead", "--ahead", "1").succeeded().out())
                .contains("created: none, since all of them exist");

        run("rollups install").succeeded();
        run("rollups run --once").succeeded();
        assertThat(run("partitions expire", "--before", "2026-04-01T00:00:00Z")
                        .succeeded()
                        .out())
                .contains("100 events and 100 deliveries deleted, their sums kept")
                .contains("dropped: event_deliveries_p_202603, events_p_202603");
        assertThat(figure()).isEqualTo(before);
    }

    @Test
    void refusesPartitionsOfHostThatHaveNoTime() {
        TestServers.execute("alter table parted.events rename to old_events;"
                + "create table parted.events (like parted.old_events) partition by hash (id);"
                + "create table parted.events_0 partition of parted.events for values with (modulus 1, remainder 0);");

        assertThat(run("partitions status").succeeded().out())
                .contains("events: partitioned by HASH (id), not by this tool")
                .contains("events_0 FOR VALUES WITH (modulus 1, remainder 0)");
        run("rollups install").succeeded();
        run("partitions ahead").failed(1).saying("\"parted\".\"events\" is partitioned by HASH (id)");
        run("partitions expire", "--before", "2026-03-20T00:00:00Z")
                .failed(1)
                .saying("no partition can expire", "nothing has been deleted");
    }
}
