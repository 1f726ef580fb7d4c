package io.usagekit.postgres.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.junit.jupiter.api.Test;

class SqlTemplateTest {

    @Test
    void removesComments() {
        assertThat(SqlTemplate.of("-- what :it {does}\nselect 1 -- one\n\nfrom t", Map.of())
                        .sql())
                .isEqualTo("select 1\nfrom t");
    }

    @Test
    void takesNoCastForAParameter() {
        assertThat(SqlTemplate.of("select :a::bigint", Map.of()).sql()).isEqualTo("select ?::bigint");
    }

    @Test
    void putsNamesInLiterally() {
        assertThat(SqlTemplate.of("select * from {table} where a = :b", Map.of("table", "\"-- :x {table} $1 \\\""))
                        .sql())
                .isEqualTo("select * from \"-- :x {table} $1 \\\" where a = ?");
    }

    @Test
    void namesAReferenceThatIsMissing() {
        assertThatThrownBy(() -> SqlTemplate.of("select {a.b}", Map.of()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("{a.b}");
    }

    @Test
    void quotesIdentifiersAndConstants() {
        assertThat(Identifiers.quote("a\"b")).isEqualTo("\"a\"\"b\"");
        assertThat(Identifiers.literal("it's")).isEqualTo("'it''s'");
        assertThat(Identifiers.literal("a\\'b")).isEqualTo("E'a\\\\''b'");
    }
}
