package io.usagekit.postgres.rows;

import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.internal.ProjectScope;
import io.usagekit.postgres.internal.SqlStatements;
import io.usagekit.postgres.internal.TableShape;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.StatementsIT;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** The statements that read rows, in both directions, with and without a cursor. */
class RowStatementsIT extends StatementsIT {

    private static String schema;
    private static PostgresRollups rollups;
    private static SqlStatements statements;

    @BeforeAll
    static void install() throws SQLException {
        schema = Database.newSchema("row_statements");
        PostgresUsage.install(Database.pool(), schema);
        TableMapping mapping = TableMapping.usagekit(schema);
        rollups = PostgresRollups.of(Database.pool(), mapping);
        rollups.install();
        try (Connection connection = Database.pool().getConnection()) {
            statements = RowSql.over(
                            TableShape.read(connection, mapping), ProjectScope.ALIVE, rollups.schema(), RowSql.SOURCE)
                    .statements();
        }
    }

    @AfterAll
    static void drop() {
        rollups.remove();
        Database.dropSchema(schema);
    }

    @Override
    protected String folder() {
        return "rows";
    }

    @Override
    protected Set<String> files() {
        return Set.of("read.sql");
    }

    @Override
    protected Set<String> wholeScripts() {
        return Set.of();
    }

    @Override
    protected SqlStatements statements() {
        return statements;
    }

    @Override
    protected List<Map<String, String>> variants(String statement) {
        RowKind<?> kind = statement.endsWith("sent") ? RowKind.SENT : RowKind.RECEIVED;
        return Stream.of("asc >", "desc <")
                .flatMap(scan -> {
                    Map<String, String> after = new HashMap<>(RowSql.shared());
                    after.put("row-time", kind.order().time());
                    after.put("row-id", kind.order().id());
                    after.put("direction", scan.substring(0, scan.indexOf(' ')));
                    after.put("comparison", scan.substring(scan.indexOf(' ') + 1));
                    Map<String, String> first = new HashMap<>(after);
                    first.put("keyset-condition", "");
                    return Stream.of(first, after);
                })
                .toList();
    }
}
