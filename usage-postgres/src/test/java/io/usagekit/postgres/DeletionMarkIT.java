package io.usagekit.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageCalculationException;
import io.usagekit.UsageCalculator;
import io.usagekit.UsageKey;
import io.usagekit.UsageMetrics;
import io.usagekit.UsagePeriod;
import io.usagekit.UsageStorageException;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.partitions.PostgresPartitions;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.rollups.RollupWorker;
import io.usagekit.postgres.testing.Database;
import java.time.Duration;
import java.time.YearMonth;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A column that marks deleted rows is read by its type and nullability, or rejected before there is any figure. */
class DeletionMarkIT {

    private static final UsageKey KEY = new UsageKey("org-123", UsagePeriod.month(YearMonth.of(2026, 3)));
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private String schema = "";
    private TableMapping mapping = TableMapping.gateway();

    @BeforeEach
    void create() {
        schema = Database.newSchema("marks");
        mapping = TableMapping.gateway(schema);
        run("create schema {s}", "create type {s}.reason as enum ('asked')", "create domain {s}.flag as boolean");
        run("create domain {s}.mark as {s}.flag not null default false");
    }

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
    }

    /** Creates the tables; {@code mark} is the type of both columns that mark deleted rows. */
    private void createTables(String mark) {
        run(
                "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at " + mark + ")",
                "create table {s}.events (id varchar primary key, project_id varchar, raw text, data text, created_at timestamptz, deleted_at "
                        + mark + ")",
                "create table {s}.event_deliveries (id varchar primary key, project_id varchar, event_id varchar, status text, created_at timestamptz)",
                "insert into {s}.event_deliveries values ('d', 'p', 'a', 'Success', '2026-03-02Z')");
    }

    private void run(String... statements) {
        for (String statement : statements) {
            Database.execute(statement.replace("{s}", Identifiers.quote(schema)));
        }
    }

    /** Events a and b with five octets each are live; c isn't, and neither is the project q with its event. */
    @ParameterizedTest(name = "{0}")
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "boolean not null                                | false       | false          | true",
                "boolean not null default false                  | false       | false          | true",
                "boolean                                         | false       | null           | true",
                "{s}.flag default false                          | null        | false          | true",
                "{s}.mark                                        | false       | false          | true",
                "timestamptz                                     | null        | null           | now()",
                "timestamptz                                     | null        | 'infinity'     | now()",
                "timestamptz                                     | 'infinity'  | 'infinity'     | '-infinity'",
                "timestamptz not null default 'infinity'         | 'infinity'  | 'infinity'     | now()",
                "timestamptz default timestamptz 'infinity'      | 'infinity'  | null           | '9999-12-31'",
                "timestamp(3) not null default 'infinity'        | 'infinity'  | 'infinity'     | now()",
                "date not null default 'infinity'                | 'infinity'  | 'infinity'     | now()",
                "bigint not null default 0                       | 0           | 0              | 1772323200",
                "smallint default '0'                            | 0           | null           | 1",
                "numeric                                         | null        | null           | 0",
                "text                                            | null        | null           | ''",
                "{s}.reason default null                         | null        | null           | 'asked'",
            })
    void readsAMarkByItsType(String type, String live, String alsoLive, String deleted) {
        createTables(type);
        run(
                "insert into {s}.projects values ('p', 'org-123', " + live + "), ('q', 'org-123', " + deleted + ")",
                "insert into {s}.events values ('a', 'p', 'seven', '', '2026-03-01Z', " + live + ")",
                "insert into {s}.events values ('b', 'p', 'seven', '', '2026-03-01Z', " + alsoLive + ")",
                "insert into {s}.events values ('c', 'p', 'seven', '', '2026-03-01Z', " + deleted + ")",
                "insert into {s}.events values ('e', 'q', 'seven', '', '2026-03-01Z', " + live + ")");
        UsageMetrics received = new UsageMetrics(2, 10);
        assertThat(read(PostgresUsage.discover(Database.pool(), schema))).isEqualTo(received);

        PostgresRollups rollups = PostgresRollups.of(Database.pool(), mapping);
        rollups.install();
        try (RollupWorker worker = rollups.worker()
                .settle(Duration.ZERO)
                .runBudget(Duration.ofMinutes(1))
                .build()) {
            worker.runOnce();
        }
        assertThat(rollups.calculator().calculate(KEY, PATIENCE).received()).isEqualTo(received);
        run("update {s}.events set deleted_at = " + deleted + " where id = 'a'");
        assertThat(rollups.calculator().calculate(KEY, PATIENCE).received())
                .as("deleted since it was rolled")
                .isEqualTo(new UsageMetrics(1, 5));
        run("update {s}.events set deleted_at = " + live + " where id in ('a', 'c')");
        assertThat(rollups.calculator().calculate(KEY, PATIENCE).received())
                .as("restored")
                .isEqualTo(new UsageMetrics(3, 15));
        rollups.removeWithRetained();
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "boolean not null default true          | boolean not null default true",
                "boolean default true                   | boolean default true",
                "timestamptz not null                   | timestamp with time zone not null",
                "timestamptz not null default now()     | timestamp with time zone not null default now()",
                "timestamptz default '9999-12-31Z'      | timestamp with time zone default '9999-12-31",
                "timestamptz default '-infinity'        | timestamp with time zone default '-infinity'",
                "timestamp not null default '0001-01-01' | timestamp without time zone not null default '0001-01-01",
                "bigint not null                        | bigint not null",
                "integer not null default 1             | integer not null default 1",
                "text not null                          | text not null",
                "text default ''                        | text default ''",
                "{s}.reason not null default 'asked'    | reason not null default 'asked'",
            })
    void rejectsAMarkThatLiveRowsCouldHave(String type, String words) {
        createTables(type);
        for (TableMapping one : new TableMapping[] {
            mapping.toBuilder().withoutProjectDeletion().build(),
            mapping.toBuilder().withoutEventDeletion().build()
        }) {
            String argument = one.eventDeletedAt().isPresent() ? "eventDeletedAt" : "projectDeletedAt";
            assertThatThrownBy(() -> read(one))
                    .isInstanceOf(UsageCalculationException.class)
                    .hasMessageContaining("(mapped as " + argument + ") must be null, false")
                    .hasMessageContaining(words)
                    .hasMessageContaining("map a boolean column that is true in deleted rows");
        }
        assertThatThrownBy(() -> PostgresUsage.discover(Database.pool(), schema))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining(words);
        assertThatThrownBy(() -> PostgresUsage.installIndexes(Database.pool(), mapping))
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining(words);
        assertThatThrownBy(() -> PostgresRollups.of(Database.pool(), mapping).install())
                .isInstanceOf(UsageStorageException.class)
                .hasMessageContaining(words);
        assertThatThrownBy(() -> PostgresPartitions.of(Database.pool(), mapping).status())
                .hasMessageContaining(words);
    }

    @Test
    void readsAColumnThatIsGeneratedFromAnotherMark() {
        createTables("timestamptz not null");
        run(
                "alter table {s}.events add is_deleted boolean generated always as (deleted_at <> '0001-01-01 00:00:00Z') stored",
                "insert into {s}.projects values ('p', 'org-123', '0001-01-01Z')",
                "insert into {s}.events values ('a', 'p', 'seven', '', '2026-03-01Z', '0001-01-01 00:00:00Z')",
                "insert into {s}.events values ('b', 'p', 'seven', '', '2026-03-01Z', now())");
        assertThat(read(mapping.toBuilder()
                        .withoutProjectDeletion()
                        .eventDeletedAt("is_deleted")
                        .build()))
                .isEqualTo(new UsageMetrics(1, 5));
    }

    @Test
    void rejectsAMarkOfAViewUnlessItIsAFlagOrATime() {
        createTables("text");
        run(
                "insert into {s}.projects values ('p', 'org-123', null)",
                "insert into {s}.events values ('a', 'p', 'seven', '', '2026-03-01Z', null)",
                "create view {s}.messages as select *, coalesce(deleted_at, '') as gone, deleted_at is not null as is_deleted from {s}.events");
        TableMapping.Builder view = mapping.toBuilder().events("messages");
        assertThatThrownBy(() -> read(view.eventDeletedAt("gone").build()))
                .isInstanceOf(UsageCalculationException.class)
                .hasMessageContaining("but is text in a view");
        assertThat(read(view.eventDeletedAt("is_deleted").build())).isEqualTo(new UsageMetrics(1, 5));
    }

    /** Views that hide deleted rows often give live ones a time that is never reached, which must not make everything deleted. */
    @ParameterizedTest(name = "{0}")
    @ValueSource(strings = {"'infinity'", "'9999-12-31'", "'2100-01-01'", "'0001-01-01'", "'1970-01-01'", "null"})
    void readsATimeOfAViewWhateverLiveRowsHave(String live) {
        createTables("timestamptz");
        run(
                "insert into {s}.projects values ('p', 'org-123', null), ('q', 'org-123', '2026-03-01Z')",
                "insert into {s}.events values ('a', 'p', 'seven', '', '2026-03-01Z', null)",
                "insert into {s}.events values ('b', 'p', 'seven', '', '2026-03-01Z', '2026-03-02Z')",
                "insert into {s}.events values ('c', 'q', 'seven', '', '2026-03-01Z', null)",
                "create view {s}.messages as select id, project_id, raw, data, created_at, coalesce(deleted_at, " + live
                        + ") as deleted_at from {s}.events",
                "create view {s}.customers as select id, organisation_id, coalesce(deleted_at, " + live
                        + ") as deleted_at from {s}.projects");
        TableMapping views =
                mapping.toBuilder().events("messages").projects("customers").build();
        assertThat(read(views)).isEqualTo(new UsageMetrics(1, 5));
        assertThat(read(mapping.toBuilder().projects("customers").build())).isEqualTo(new UsageMetrics(1, 5));
    }

    private static UsageMetrics read(TableMapping mapping) {
        UsageCalculator calculator = PostgresUsage.calculator(Database.pool(), mapping);
        return calculator.calculate(KEY, PATIENCE).received();
    }
}
