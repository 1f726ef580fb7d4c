package io.usagekit.postgres.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SqlFilesTest {

    private static final SqlStatements STATEMENTS =
            SqlStatements.of(SqlFiles.of("sql-files-test.sql"), Map.of("table", "\"a {b} :c\""));

    @Test
    void listsStatementsAndFragmentsApart() {
        assertThat(STATEMENTS.source().statements()).containsExactlyInAnyOrder("find-row", "in-a-circle", "incomplete");
        assertThat(STATEMENTS.source().fragments()).containsExactlyInAnyOrder("columns", "own-id", "circle");
    }

    @Test
    void putsFragmentsOfTheFileIntoStatements() {
        SqlTemplate template = STATEMENTS.template("find-row");
        assertThat(template.sql()).isEqualTo("select r.id, r.name\nfrom \"a {b} :c\" r\nwhere r.id = ? and r.name = ?");
        assertThat(template.parameters()).containsExactly("id", "name");
    }

    @Test
    void putsTheCallersFragmentInPlaceOfTheFiles() {
        SqlTemplate template = STATEMENTS.template("find-row", Map.of("own-id", "r.id > :after"));
        assertThat(template.sql()).contains("where r.id > ? and");
        assertThat(template.parameters()).containsExactly("after", "name");
    }

    @Test
    void compilesAStatementOnce() {
        assertThat(STATEMENTS.template("find-row")).isSameAs(STATEMENTS.template("find-row"));
        assertThat(STATEMENTS.template("find-row", Map.of("columns", "1")))
                .isSameAs(STATEMENTS.template("find-row", Map.of("columns", "1")))
                .isNotSameAs(STATEMENTS.template("find-row"));
    }

    @Test
    void namesFileAndStatementWhereOneIsMissing() {
        assertThatThrownBy(() -> STATEMENTS.template("find-rows"))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContainingAll("sql-files-test.sql", "\"find-rows\"", "find-row, ");
    }

    @Test
    void namesFileAndStatementWhereANameIsMissing() {
        assertThatThrownBy(() -> STATEMENTS.template("incomplete"))
                .hasMessageContainingAll("sql-files-test.sql", "\"incomplete\"", "{no.such}");
    }

    @Test
    void rejectsAFragmentThatHoldsItself() {
        assertThatThrownBy(() -> STATEMENTS.template("in-a-circle"))
                .hasMessageContainingAll("sql-files-test.sql", "\"in-a-circle\"", "{circle}");
    }

    @ParameterizedTest(name = "{1}")
    @CsvSource(
            delimiter = '|',
            value = {
                "-- name: a;select 1;-- name: a;select 2 | the name \"a\" stands in f.sql and again in f.sql",
                "-- name: a;-- Says nothing. | f.sql: \"a\" has no SQL",
                "-- name: a;select 1;-- name: B2;select 2 | f.sql: the line \"-- name: B2\" must be",
                "select 1 | f.sql holds no named statement",
            })
    void rejectsAFileThatIsMalformed(String lines, String message) {
        assertThatThrownBy(() -> SqlFiles.parse("f.sql", lines.replace(";", "\n")))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining(message);
    }

    @Test
    void namesAFileThatIsMissing() {
        assertThatThrownBy(() -> SqlFiles.of("no-such.sql")).hasMessageContaining("no-such.sql");
    }
}
