package io.usagekit.postgres.internal.cache;

import io.usagekit.postgres.internal.SqlStatements;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.StatementsIT;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;

/** Every statement of the cache prepares on its table. */
class CacheStatementsIT extends StatementsIT {

    private static CacheFixture fixture;

    @BeforeAll
    static void install() {
        fixture = CacheFixture.install("cache_statements");
        Database.execute("create schema " + empty());
    }

    @AfterAll
    static void remove() {
        Database.execute("drop schema " + empty());
        fixture.close();
    }

    private static String empty() {
        return fixture.schema() + "_empty";
    }

    @Override
    protected String folder() {
        return "internal/cache";
    }

    @Override
    protected Set<String> files() {
        return Set.of("cache.sql");
    }

    @Override
    protected Set<String> wholeScripts() {
        return Set.of("schema-V5.sql");
    }

    @Override
    protected SqlStatements statements() {
        return CacheSql.in(fixture.schema()).statements();
    }

    @Override
    protected Map<String, Map<String, String>> namedScripts() {
        return Map.of(
                "listen", Map.of(),
                "unlisten", Map.of(),
                "remove", Map.of(),
                "remove-schema", Map.of("schema", empty()));
    }
}
