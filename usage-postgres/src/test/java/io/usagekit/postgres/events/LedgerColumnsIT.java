package io.usagekit.postgres.events;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.UsageStorageException;
import io.usagekit.events.EventLedgerException;
import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Columns that somebody has created otherwise than the ledger needs them. */
class LedgerColumnsIT {

    private String schema;
    private String s;
    private PostgresLedger ledger;

    @BeforeEach
    void name() {
        schema = Database.newSchema("columns \"ledger\"");
        s = Identifiers.quote(schema);
        ledger = PostgresLedger.of(Database.pool(), schema);
    }

    @AfterEach
    void drop() {
        Database.dropSchema(schema);
    }

    private void assertRefused(String column, String needed, String found) {
        String[] tableAndName = column.split("\\.", 2);
        assertThatThrownBy(ledger::install)
                .isInstanceOf(UsageStorageException.class)
                .hasMessage("columns aren't as the library needs them: " + s + ".\"" + tableAndName[0] + "\".\""
                        + tableAndName[1] + "\" must be " + needed + ", but is " + found
                        + "; alter them, or rename those that are of another purpose");
    }

    /** Of the columns that the ledger adds to the library's tables, and of these. Nothing is added to the tables before. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "events.metadata           | jsonb not null default '{}' | text not null default '' | jsonb not null default '{}'::jsonb",
                "events.url_path           | text                        | text not null default '' | text",
                "events.url_query_params   | text not null               | text not null default '' | text not null",
                "events.acknowledged_at    | timestamptz not null default now() | timestamptz | timestamp with time zone not null default now()",
                "events.headers            | json not null default '{}'  | jsonb not null default '{}' | json not null default '{}'::json",
                "events.is_duplicate       | boolean                     | boolean not null default false | boolean",
                "event_deliveries.failure_reason | varchar(9)            | text not null default '' | character varying",
                "event_deliveries.endpoint_id | text default ''          | text not null default '' | text default ''::text",
            })
    void areRefusedWhereTheyWereAdded(String column, String added, String needed, String found) {
        PostgresUsage.install(Database.pool(), schema);
        String table = column.replaceFirst("\\..*", "");
        Database.execute(
                "alter table " + s + "." + table + " add column " + column.replaceFirst(".*\\.", "") + " " + added);
        List<String> before = columns();
        assertRefused(column, needed, found);
        assertThat(columns()).isEqualTo(before);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "projects.name             | drop column name            | text not null default '' | missing",
                "projects.deleted_at       | alter deleted_at set not null | timestamptz | timestamp with time zone not null",
                "events.raw                | alter raw drop not null     | text not null default '' | text default ''::text",
                "events.payload_bytes      | alter payload_bytes drop expression | bigint not null generated always as (octet_length(raw)::bigint + octet_length(data)) stored | bigint not null",
                "projects.created_at       | alter created_at type timestamp | timestamptz not null default now() | timestamp without time zone not null default now()",
                "event_deliveries.status   | alter status drop not null  | text not null | text",
                "endpoints.owner_id        | alter owner_id drop default | text not null default '' | text not null",
                "events_endpoints.created_at | alter created_at set not null | timestamptz | timestamp with time zone not null",
                "events_search.words       | alter words type text       | tsvector not null | text not null",
                "events_ids.partition      | alter partition type bigint | oid not null | bigint not null",
                "events_ids_partitions.gone | alter gone drop default    | oid[] not null default '{}' | oid[] not null",
                "retained_ids.key_digest   | alter key_digest set not null | bytea | bytea not null",
            })
    void areRefusedWhereTheyWereAltered(String column, String alteration, String needed, String found) {
        ledger.install();
        String table = column.replaceFirst("\\..*", "");
        if (column.equals("events_search.words")) {
            Database.execute("drop index " + s + "." + indexOfWords());
        }
        Database.execute("alter table " + s + "." + table + " " + alteration);
        assertRefused(column, needed, found);
    }

    private String indexOfWords() {
        return Identifiers.quote(Database.query(
                "select indexname from pg_indexes where schemaname = ? and tablename = 'events_search' and indexdef like '%gin%'",
                schema));
    }

    /** A host may add columns, and give one a domain of its type. */
    @Test
    void areAcceptedWhereTheyAreOfADomain() {
        PostgresUsage.install(Database.pool(), schema);
        Database.execute(
                "create domain " + s + ".path as text check (value not like '%..%')",
                "alter table " + s + ".events add column url_path " + s
                        + ".path not null default '', add column own int");
        ledger.install();
        ledger.install();
        assertThat(columns()).contains("events.own", "events.metadata");
    }

    @Test
    void areNamedTogether() {
        PostgresUsage.install(Database.pool(), schema);
        Database.execute("alter table " + s + ".events add column status int, add column source_id text");
        assertThatThrownBy(ledger::install)
                .hasMessageContainingAll(
                        "\"status\" must be text not null default '', but is integer; ",
                        "\"source_id\" must be text not null default '', but is text; ");
    }

    /** As those that another version has added are until {@code install()} runs. */
    @Test
    void areNamedWithTheRemedyWhereTheyAreMissing() {
        ledger.install();
        Database.execute("alter table " + s + ".events drop column url_path");
        assertThatThrownBy(() -> ledger.repository().find("p", "e"))
                .isInstanceOf(EventLedgerException.class)
                .hasMessageContainingAll(
                        "column e.url_path does not exist", "; PostgresLedger.install() creates what is missing");
        ledger.install();
        assertThat(ledger.repository().find("p", "e")).isEmpty();
    }

    private List<String> columns() {
        return Database.column(
                "select table_name || '.' || column_name from information_schema.columns where table_schema = ? order by 1",
                schema);
    }
}
