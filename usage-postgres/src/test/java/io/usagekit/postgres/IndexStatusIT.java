package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsagePeriod;
import io.usagekit.postgres.IndexStatus.State;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.testing.CapturedLog;
import io.usagekit.postgres.testing.Database;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.LocalDate;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which indexes of a host's tables count as the library's, and what is said about those that are missing. */
class IndexStatusIT {

    private String schema = "";
    private String s = "";
    private TableMapping mapping = TableMapping.gateway();

    @BeforeEach
    void name() {
        schema = Database.newSchema("index \"status\"");
        s = Identifiers.quote(schema);
        mapping = TableMapping.gateway(schema).toBuilder()
                .withoutStoredBytes()
                .withoutDeliveryStoredBytes()
                .build();
    }

    @AfterEach
    void drop() {
        Database.dropSchema(schema + "_rollups");
        Database.dropSchema(schema);
    }

    private void tables(String partitioning) {
        Database.execute(
                "create schema " + s,
                "create table " + s + ".projects (id varchar, organisation_id varchar, deleted_at timestamptz)",
                "create table " + s
                        + ".events (id varchar, project_id varchar, raw text, data bytea, raw_bytes integer,"
                        + " data_bytes integer, created_at timestamptz not null, deleted_at timestamptz)"
                        + partitioning,
                "create table " + s
                        + ".event_deliveries (id varchar, project_id varchar, event_id varchar, status varchar(20),"
                        + " created_at timestamptz not null)" + partitioning);
    }

    private void run(String... statements) {
        Database.execute(Stream.of(statements).map(sql -> sql.replace("{s}", s)).toArray(String[]::new));
    }

    private List<State> states() {
        return PostgresUsage.indexes(Database.pool(), mapping).stream()
                .map(IndexStatus::state)
                .toList();
    }

    private String indexes() {
        return Database.query(
                "select string_agg(indexdef, e'\n' order by indexdef) from pg_indexes where schemaname = ?", schema);
    }

    /** The limit of a B-tree's entry; the texts can't be compressed. */
    @Test
    void fitIdsOf2600OctetsTogether() {
        tables("");
        PostgresUsage.installIndexes(Database.pool(), mapping);
        String delivery =
                "insert into {s}.event_deliveries select 'd', substr(t, 1, %1$s), substr(t, 2001, %1$s), 'Success', now()"
                        + " from (select string_agg(md5(n::text), '') as t from generate_series(1, 125) n) as texts";
        run(String.format(Locale.ROOT, delivery, 1_300));
        String longer = String.format(Locale.ROOT, delivery, 2_000);
        assertThatThrownBy(() -> run(longer)).hasMessageContaining("event_deliveries_usage_");

        run("drop index {s}."
                + Identifiers.quote(PostgresUsage.indexes(Database.pool(), mapping)
                        .get(1)
                        .name()
                        .orElseThrow()));
        run(longer);
        assertThatThrownBy(() -> PostgresUsage.installIndexes(Database.pool(), mapping))
                .hasMessageContaining("index row size");
    }

    @Test
    void saysWhatIsMissingUntilItIsInstalled() {
        tables("");

        assertThat(PostgresUsage.indexes(Database.pool(), mapping))
                .extracting(IndexStatus::toString)
                .containsExactly(
                        s + ".\"events\" (\"project_id\", \"created_at\")",
                        s + ".\"event_deliveries\" (\"project_id\", \"created_at\") include (\"event_id\") where"
                                + " \"status\" in ('Success')");
        assertThat(states()).containsOnly(State.MISSING);

        PostgresUsage.installIndexes(Database.pool(), mapping);

        assertThat(states()).containsOnly(State.PRESENT);
        assertThat(PostgresUsage.indexes(Database.pool(), mapping))
                .allSatisfy(index -> assertThat(index.name().orElseThrow()).contains("_usage_"));
    }

    /** A host's index on events counts if figures read no more with it. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "events (project_id, created_at desc, id) | PRESENT",
                "events (project_id, created_at) include (deleted_at) | PRESENT",
                "events (created_at, project_id) | MISSING",
                "events (project_id, id, created_at) | MISSING",
                "events (project_id) include (created_at) | MISSING",
                "events (project_id, created_at) where deleted_at is null | MISSING",
                "events ((lower(project_id)), created_at) | MISSING",
                "events (project_id collate \"C\", created_at) | MISSING",
                "events (project_id varchar_pattern_ops, created_at) | MISSING",
                "events using brin (project_id, created_at) | MISSING",
            })
    void countsEquivalentIndexesOfHostOnEvents(String index, State expected) {
        tables("");
        run("create index own on {s}." + index);

        assertThat(states().get(0)).isEqualTo(expected);

        PostgresUsage.installIndexes(Database.pool(), mapping);
        assertThat(indexes().contains("INDEX events_usage_")).isEqualTo(expected == State.MISSING);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "(project_id, created_at) include (event_id) where status = 'Success' | PRESENT",
                "(project_id, created_at, event_id) where (status) in ('Success') | PRESENT",
                "(project_id, created_at, status, event_id) | PRESENT",
                "(project_id, created_at) include (event_id) | MISSING",
                "(project_id, created_at) include (status) | MISSING",
                "(project_id, created_at) where status = 'Success' | MISSING",
                "(project_id, created_at) include (event_id) where status = 'success' | MISSING",
                "(project_id, created_at) include (event_id) where status = 'Success' and id > '' | MISSING",
            })
    void countsEquivalentIndexesOfHostOnDeliveries(String index, State expected) {
        tables("");
        run("create index own on {s}.event_deliveries " + index);

        assertThat(states().get(1)).isEqualTo(expected);
    }

    @Test
    void countsEquivalentIndexesWithSeveralStatusesAndStoredSizes() {
        tables("");
        mapping = mapping.toBuilder()
                .storedBytes("raw", "raw_bytes")
                .storedBytes("data", "data_bytes")
                .deliveredStatuses("Success", "It's late")
                .build();
        run(
                "create index on {s}.events (project_id, created_at, deleted_at, id, raw_bytes, data_bytes)",
                "create index on {s}.events (project_id, created_at) where raw_bytes is null or data_bytes is null",
                "create index on {s}.event_deliveries (project_id, created_at, event_id)"
                        + " where status in ('Success', 'It''s late')");

        assertThat(states()).containsExactly(State.PRESENT, State.PRESENT, State.PRESENT);

        run("drop index {s}.events_project_id_created_at_idx");
        assertThat(states()).as("no other index finds rows without a size").contains(State.MISSING);
    }

    @Test
    void rebuildsIndexThatAnAbortedBuildLeft() throws SQLException {
        tables("");
        String build = PostgresUsage.concurrentIndexDdl(mapping).split(";\n", -1)[0];
        try (Connection writing = Database.pool().getConnection();
                Connection building = Database.pool().getConnection();
                Statement write = writing.createStatement();
                Statement aborted = building.createStatement()) {
            writing.setAutoCommit(false);
            write.execute("lock table " + s + ".events in row exclusive mode");
            aborted.execute("set lock_timeout = '50ms'");
            assertThatThrownBy(() -> aborted.execute(build)).isInstanceOf(SQLException.class);
            assertThatThrownBy(() -> aborted.execute(
                            "create index concurrently own on " + s + ".events (project_id, created_at)"))
                    .isInstanceOf(SQLException.class);
            aborted.execute("reset lock_timeout");
            writing.rollback();
            writing.setAutoCommit(true);
        }
        assertThat(states().get(0)).isEqualTo(State.INVALID);
        assertThat(PostgresUsage.concurrentIndexDdl(Database.pool(), mapping)).startsWith("drop index concurrently");

        PostgresUsage.installIndexes(Database.pool(), mapping);

        assertThat(states()).containsOnly(State.PRESENT);
    }

    private void partitions() {
        tables(" partition by list (project_id)");
        run(
                "create table {s}.events_p partition of {s}.events for values in ('p') partition by range (created_at)",
                "create table {s}.events_p_1 partition of {s}.events_p for values from ('2026-03-01Z') to ('2026-03-02Z')",
                "create table {s}.events_p_2 partition of {s}.events_p for values from ('2026-03-02Z') to ('2026-03-03Z')",
                "create table {s}.events_other partition of {s}.events default",
                "create table {s}.event_deliveries_all partition of {s}.event_deliveries default");
    }

    @Test
    void countsIndexesOfEachPartition() {
        partitions();
        run(
                "create index on {s}.events_p (project_id, created_at)",
                "create index on {s}.event_deliveries_all (project_id, created_at, status, event_id)");
        IndexStatus events = PostgresUsage.indexes(Database.pool(), mapping).get(0);
        assertThat(events.state()).isEqualTo(State.MISSING);
        assertThat(events.lacking()).containsExactly(s + ".\"events_other\"");

        run("create index on {s}.events_other (project_id, created_at desc)");
        assertThat(states()).containsOnly(State.PRESENT);
        String before = indexes();
        PostgresUsage.installIndexes(Database.pool(), mapping);
        assertThat(indexes()).isEqualTo(before);

        run("create table {s}.events_p_3 partition of {s}.events_p for values from ('2026-03-03Z') to ('2026-03-04Z')");
        assertThat(states()).as("PostgreSQL creates it").containsOnly(State.PRESENT);
        run("create table {s}.events_q partition of {s}.events for values in ('q')");
        assertThat(PostgresUsage.indexes(Database.pool(), mapping).get(0))
                .hasToString(s + ".\"events\" (\"project_id\", \"created_at\"), which the partition " + s
                        + ".\"events_q\" lacks");
        PostgresUsage.installIndexes(Database.pool(), mapping);
        assertThat(PostgresUsage.indexes(Database.pool(), mapping).get(0).name().orElseThrow())
                .startsWith("events_usage_");
    }

    @Test
    void printsWhatItInstallsPartitionByPartition() {
        partitions();
        String script = PostgresUsage.concurrentIndexDdl(Database.pool(), mapping);
        for (int i = 0; i < 2; i++) {
            Database.execute(Arrays.stream(script.split(";\n", -1))
                    .filter(statement -> !statement.isBlank())
                    .toArray(String[]::new));
            assertThat(states()).containsOnly(State.PRESENT);
        }
        String printed = indexes();
        Database.dropSchema(schema);
        partitions();
        PostgresUsage.installIndexes(Database.pool(), mapping);
        assertThat(indexes()).isEqualTo(printed);
    }

    @Test
    void printsACommentInPlaceOfAnIndexOfHost() {
        tables("");
        run("create index own on {s}.events (project_id, created_at)");

        assertThat(PostgresUsage.concurrentIndexDdl(Database.pool(), mapping))
                .startsWith("-- " + s + ".\"events\" has an index of its own that serves as ")
                .contains("create index concurrently if not exists \"event_deliveries_usage_")
                .doesNotContain("\"events_usage_");
    }

    @Test
    void viewsHaveNone() {
        tables("");
        run(
                "alter table {s}.events rename to stored_events",
                "create view {s}.events as select * from {s}.stored_events");

        assertThat(states()).containsExactly(State.NOT_A_TABLE, State.MISSING);
    }

    private void compute(UsageCalculator calculator) {
        UsagePeriod day = UsagePeriod.day(LocalDate.of(2026, 3, 1));
        calculator.calculate(new UsageKey("o", day), Duration.ofSeconds(20));
    }

    @Test
    void logsOnceWhatIsMissing() {
        tables("");
        for (UsageCalculator calculator : List.of(
                PostgresUsage.calculator(Database.pool(), mapping),
                PostgresRollups.of(Database.pool(), mapping).calculator())) {
            try (CapturedLog log = CapturedLog.of(PostgresUsage.class)) {
                compute(calculator);
                compute(calculator);
                calculator.calculateAll(List.of(), Duration.ofSeconds(20));
                assertThat(log.lines("WARN"))
                        .singleElement()
                        .asString()
                        .contains(
                                "indexes are missing",
                                s + ".\"events\" (\"project_id\", \"created_at\"); " + s + ".\"event_deliveries\" (",
                                "usage indexes install");
            }
        }
        PostgresUsage.installIndexes(Database.pool(), mapping);
        try (CapturedLog log = CapturedLog.of(PostgresUsage.class)) {
            compute(PostgresUsage.calculator(Database.pool(), mapping));
            assertThat(log.lines("WARN")).isEmpty();
        }
    }

    @Test
    void rollupsSayWhatIsMissingAndPrintIt() {
        tables("");
        PostgresRollups rollups = PostgresRollups.of(Database.pool(), mapping);
        assertThat(rollups.ddl()).contains("\"events_usage_", "\"event_deliveries_usage_");
        rollups.install();
        assertThat(rollups.ddl()).doesNotContain("create index if not exists \"events_usage_");
        assertThat(rollups.status().orElseThrow().missingIndexes()).isEmpty();

        for (String index : Database.column("select indexname from pg_indexes where schemaname = ?", schema)) {
            run("drop index {s}." + Identifiers.quote(index));
        }

        assertThat(rollups.status().orElseThrow().missingIndexes())
                .extracting(IndexStatus::definition)
                .containsExactly(
                        "(\"project_id\", \"created_at\")",
                        "(\"project_id\", \"created_at\") include (\"event_id\") where \"status\" in ('Success')",
                        "(\"event_id\")");
        rollups.install();
        assertThat(rollups.status().orElseThrow().missingIndexes()).isEmpty();
    }
}
