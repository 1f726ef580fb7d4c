package io.usagekit.postgres.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import io.usagekit.postgres.internal.Jdbc;
import io.usagekit.postgres.internal.SqlSource;
import io.usagekit.postgres.internal.SqlStatements;
import io.usagekit.postgres.internal.SqlTemplate;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/**
 * Checks all named statements of a feature: PostgreSQL prepares each of them on the tables as they are installed, and its header
 * comment names the parameters that it takes and the columns that it returns.
 */
public abstract class StatementsIT {

    private static final Path RESOURCES = Path.of("src/main/resources/io/usagekit/postgres");
    private static final Pattern PARAMETER = Pattern.compile("(?<!:):([a-z_]+)");

    /** What a header says where a statement returns rows that nobody reads. */
    private static final String NOT_READ = "isn't read";

    /** The feature's folder of resources; empty for the module's own. */
    protected abstract String folder();

    /** The files of named statements in the folder. */
    protected abstract Set<String> files();

    /** The other {@code .sql} files in the folder: scripts that run as a whole, and are checked elsewhere. */
    protected abstract Set<String> wholeScripts();

    /** The statements of the files over tables that are installed. */
    protected abstract SqlStatements statements();

    /** The fragments with which a statement is checked, one map for each check. */
    protected List<Map<String, String>> variants(String statement) {
        return List.of(Map.of());
    }

    /** The named scripts, which take names instead of parameters; each runs in a transaction that is rolled back. */
    protected Map<String, Map<String, String>> namedScripts() {
        return Map.of();
    }

    @Test
    protected void checksEveryFileOfTheFolder() throws IOException {
        Set<String> expected = new TreeSet<>(files());
        expected.addAll(wholeScripts());
        try (Stream<Path> files = Files.list(RESOURCES.resolve(folder()))) {
            Set<String> found = files.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(".sql"))
                    .collect(Collectors.toCollection(TreeSet::new));
            assertThat(found).isEqualTo(expected);
        }
    }

    @TestFactory
    protected Stream<DynamicTest> preparesOnTheInstalledTables() {
        return statements().source().statements().stream().sorted().map(name -> dynamicTest(name, () -> check(name)));
    }

    @TestFactory
    protected Stream<DynamicTest> everyFragmentHasAHeaderThatNamesItsParameters() {
        return statements().source().fragments().stream()
                .sorted()
                .map(name -> dynamicTest(name, () -> {
                    String header = header(statements().source(), name);
                    assertThat(parametersIn(header))
                            .containsAll(parametersIn(body(statements().source(), name)));
                }));
    }

    /**
     * Checks one statement.
     *
     * @throws AssertionError if its header doesn't fit
     * @throws SQLException if PostgreSQL doesn't prepare it
     */
    protected final void check(String name) throws SQLException {
        SqlStatements statements = statements();
        String header = header(statements.source(), name);
        Set<String> named = words(header);
        fragmentsWithin(statements.source(), name)
                .forEach(fragment -> named.addAll(words(statements.source().text(fragment))));
        Set<String> taken = new LinkedHashSet<>();
        Map<String, String> names = namedScripts().get(name);
        if (names != null) {
            run(statements.script(name, names));
        } else {
            for (Map<String, String> variant : variants(name)) {
                SqlTemplate template = statements.template(name, variant);
                taken.addAll(template.parameters());
                Set<String> returned = describe(template);
                if (!header.contains(NOT_READ)) {
                    assertThat(named)
                            .as("the columns in the header of %s", name)
                            .containsAll(returned);
                }
            }
        }
        assertThat(parametersIn(header))
                .as("the parameters in the header of %s", name)
                .containsAll(parametersIn(body(statements.source(), name)))
                .isSubsetOf(taken);
    }

    private static void run(String script) throws SQLException {
        try (Connection connection = Database.pool().getConnection()) {
            connection.setAutoCommit(false);
            try {
                Jdbc.execute(connection, script);
            } finally {
                connection.rollback();
                connection.setAutoCommit(true);
            }
        }
    }

    /** The columns that a statement returns. */
    private static Set<String> describe(SqlTemplate template) throws SQLException {
        try (Connection connection = Database.pool().getConnection();
                PreparedStatement prepared = connection.prepareStatement(template.sql())) {
            assertThat(prepared.getParameterMetaData().getParameterCount())
                    .isEqualTo(template.parameters().size());
            ResultSetMetaData columns = prepared.getMetaData();
            Set<String> returned = new LinkedHashSet<>();
            for (int i = 1; columns != null && i <= columns.getColumnCount(); i++) {
                returned.add(columns.getColumnLabel(i));
            }
            return returned;
        }
    }

    private static String header(SqlSource source, String name) {
        String header = source.text(name)
                .lines()
                .takeWhile(line -> line.startsWith("--"))
                .map(line -> line.substring(2).strip())
                .collect(Collectors.joining("\n"));
        assertThat(header).as("the header of %s", name).isNotBlank();
        return header;
    }

    private static String body(SqlSource source, String name) {
        return SqlTemplate.withoutComments(source.text(name));
    }

    /** The fragments of a statement or fragment, at any depth. */
    private static Stream<String> fragmentsWithin(SqlSource source, String name) {
        return source.fragments().stream()
                .filter(fragment -> body(source, name).contains("{" + fragment + "}"))
                .flatMap(fragment -> Stream.concat(Stream.of(fragment), fragmentsWithin(source, fragment)));
    }

    private static Set<String> parametersIn(String text) {
        Set<String> names = new LinkedHashSet<>();
        for (Matcher found = PARAMETER.matcher(text); found.find(); ) {
            names.add(found.group(1));
        }
        return names;
    }

    private static Set<String> words(String header) {
        return Stream.of(header.split("[^a-z_0-9]+")).collect(Collectors.toSet());
    }
}
