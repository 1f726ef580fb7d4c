package io.usagekit.postgres.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.usagekit.postgres.internal.SchemaScript.Column;
import io.usagekit.postgres.internal.SchemaScript.Kind;
import io.usagekit.postgres.internal.SchemaScript.Statement;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SchemaScriptTest {

    private static final Map<String, String> TABLES = Map.of("things", "my things", "owners", "owners");

    private static SchemaScript of(String text) {
        return SchemaScript.of(text, "s", TABLES);
    }

    @Test
    void readsWhatEachStatementCreates() {
        assertThat(of("""
                -- Things; and their owners.
                create table if not exists {things} (
                    id text primary key, -- of a thing; not empty
                    owner text not null references {owners} (id),
                    made_at timestamptz,
                    numbers bigint[] default '{1, 2}' check (cardinality(numbers) in (2, 3)),
                    primary key (id)
                );

                alter table {things} add column if not exists size bigint not null default 0;
                create index if not exists things_size_idx on {things} using gin (size);
                create sequence if not exists {owners};
                create unlogged table if not exists {owners} (
                    id text
                ) with (fillfactor = 70);
                """).statements())
                .containsExactly(
                        new Statement(
                                Kind.TABLE,
                                "my things",
                                "",
                                "",
                                List.of(
                                        new Column("id", "text primary key"),
                                        new Column("owner", "text not null"),
                                        new Column("made_at", "timestamptz"),
                                        new Column(
                                                "numbers",
                                                "bigint[] default '{1, 2}' check (cardinality(numbers) in (2, 3))")),
                                Set.of("owners"),
                                """
                                create table if not exists "s"."my things" (
                                    id text primary key,
                                    owner text not null references "s"."owners" (id),
                                    made_at timestamptz,
                                    numbers bigint[] default '{1, 2}' check (cardinality(numbers) in (2, 3)),
                                    primary key (id)
                                )"""),
                        new Statement(
                                Kind.COLUMN,
                                "my things",
                                "size",
                                "",
                                List.of(new Column("size", "bigint not null default 0")),
                                Set.of(),
                                "alter table \"s\".\"my things\" add column if not exists size bigint not null default 0"),
                        new Statement(
                                Kind.INDEX,
                                "my things",
                                "things_size_idx",
                                "using gin (size)",
                                List.of(),
                                Set.of(),
                                "create index if not exists things_size_idx on \"s\".\"my things\" using gin (size)"),
                        new Statement(
                                Kind.SEQUENCE,
                                "owners",
                                "",
                                "",
                                List.of(),
                                Set.of(),
                                "create sequence if not exists \"s\".\"owners\""),
                        new Statement(
                                Kind.TABLE,
                                "owners",
                                "",
                                "",
                                List.of(new Column("id", "text")),
                                Set.of(),
                                "create unlogged table if not exists \"s\".\"owners\" (\n    id text\n) with (fillfactor = 70)"));
    }

    @Test
    void readsWhatAColumnIs() {
        Column required = new Column("c", "timestamptz not null default now()");
        assertThat(required.type()).isEqualTo("timestamp with time zone");
        assertThat(required.isNullable()).isFalse();
        assertThat(required.hasDefault()).isTrue();
        assertThat(required.isGenerated()).isFalse();
        Column key = new Column("c", "boolean primary key");
        assertThat(key.isNullable()).isFalse();
        assertThat(key.hasDefault()).isFalse();
        Column optional = new Column("c", "oid[]");
        assertThat(optional.type()).isEqualTo("oid[]");
        assertThat(optional.isNullable()).isTrue();
        assertThat(new Column("c", "bigint not null generated always as (1) stored").isGenerated())
                .isTrue();
    }

    @Test
    void namesAnIndexAsTheScriptDoesAndThoseOfPartitionsByTheirDefinition() {
        Index index = of("create index if not exists things_size_idx on {things} (size)")
                .indexes()
                .get(0);
        assertThat(index.nameOn("my things")).isEqualTo("things_size_idx");
        assertThat(index.nameOn("things_1")).startsWith("things_1_usage_");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "create table {things} (id text)",
                "alter table {things} drop column size",
                "create unique index things_size_idx on {things} (size)",
                "create table if not exists {others} (id text)",
            })
    void rejectsStatementWhoseObjectIsUnknown(String statement) {
        assertThatThrownBy(() -> of(statement))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageMatching("(?s).*(can't be looked up: |nothing is given for ).*");
    }
}
