package io.usagekit.postgres;

import com.zaxxer.hikari.HikariDataSource;
import io.usagekit.postgres.events.PostgresLedger;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.postgres.testing.Database;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import javax.sql.DataSource;

/** Installs everything into the schemas that the standard input names, and answers each with a line. */
final class InstallProcess {

    static final String INSTALLED = "installed";

    private InstallProcess() {}

    public static void main(String... arguments) throws Exception {
        try (HikariDataSource pool = Database.pool(arguments[0]);
                BufferedReader schemas = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            pool.setMaximumPoolSize(1);
            int turn = Integer.parseInt(arguments[1]);
            System.out.println("ready");
            for (String schema = schemas.readLine(); schema != null; schema = schemas.readLine()) {
                System.out.println(attempt(pool, schema, turn));
            }
        }
    }

    /** Returns {@link #INSTALLED}, or the failure in one line. */
    static String attempt(DataSource dataSource, String schema, int turn) {
        try {
            installAll(dataSource, schema, turn);
            return INSTALLED;
        } catch (RuntimeException e) {
            return "failed: " + String.valueOf(e).replace('\n', ' ');
        }
    }

    /** Runs all installations, those that need tables after one that creates them, in an order that depends on the turn. */
    private static void installAll(DataSource dataSource, String schema, int turn) {
        Runnable tables = () -> PostgresUsage.install(dataSource, schema);
        Runnable ledger = () -> PostgresLedger.of(dataSource, schema).install();
        Runnable indexes = () -> PostgresUsage.installIndexes(dataSource, TableMapping.usagekit(schema));
        Runnable rollups = () ->
                PostgresRollups.of(dataSource, TableMapping.usagekit(schema)).install();
        List<Runnable> rest = new ArrayList<>(List.of(tables, ledger, indexes, rollups));
        Collections.rotate(rest, turn);
        (turn % 2 == 0 ? tables : ledger).run();
        rest.forEach(Runnable::run);
    }
}
