package io.usagekit.cli.commands;

import static org.assertj.core.api.Assertions.assertThat;

import io.usagekit.cli.Run;
import io.usagekit.cli.TestServers;
import org.junit.jupiter.api.Test;

class InstallIT {

    private static final String TABLES = "select string_agg(table_name, ',' order by table_name)"
            + " from information_schema.tables where table_schema = ";

    @Test
    void createsTheTablesAndDoesSoTwice() {
        String schema = TestServers.without("Install Here");

        for (int i = 0; i < 2; i++) {
            Run run = Run.of("install", "--jdbc-url", TestServers.jdbcUrl(), "--schema", schema)
                    .succeeded();
            assertThat(run.out().strip()).isEqualTo("The tables are in schema Install Here.");
        }

        assertThat(TestServers.query(TABLES + "'Install Here'"))
                .isEqualTo(
                        "endpoints,event_deliveries,event_deliveries_ids,event_deliveries_ids_partitions,events,"
                                + "events_endpoints,events_ids,events_ids_partitions,events_search,projects,retained_ids,sources");
        Run.of("events", "count", "--project", "p", "--jdbc-url", TestServers.jdbcUrl(), "--schema", schema)
                .succeeded();
    }

    @Test
    void retainsIdsAsLongAsTheOptionSays() {
        String definitions =
                "select string_agg(regexp_replace(pg_get_triggerdef(t.oid), '.*usagekit_', ''), ' ' order by t.oid)"
                        + " from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.relnamespace = 'retaining'::regnamespace"
                        + " and t.tgname = 'usagekit_retain_ids'";
        TestServers.without("retaining");
        Run.of("install", "--jdbc-url", TestServers.jdbcUrl(), "--schema", "retaining", "--retain-ids", "P30D")
                .succeeded();
        assertThat(TestServers.query(definitions)).isEqualTo("retain_ids('PT720H') deliveries_retain_ids('PT720H')");
        TestServers.execute(Run.of("events", "install", "--print", "--schema", "retaining", "--retain-ids", "PT2H")
                .succeeded()
                .out());
        assertThat(TestServers.query(definitions)).isEqualTo("retain_ids('PT2H') deliveries_retain_ids('PT2H')");
        Run.of("install", "--print", "--retain-ids", "PT-1S")
                .failed(2)
                .saying("retainIds must be zero or between PT1S and PT87600H, but was PT-1S");
    }

    @Test
    void whatItPrintsDoesTheSame() {
        TestServers.without("installed");
        TestServers.without("printed");
        Run.of("install", "--jdbc-url", TestServers.jdbcUrl(), "--schema", "installed")
                .succeeded();

        String ddl =
                Run.of("install", "--print", "--schema", "printed").succeeded().out();
        TestServers.execute(ddl);
        TestServers.execute(ddl);

        String columns = "select table_name, column_name, data_type, is_nullable, column_default, is_generated from"
                + " information_schema.columns where table_schema = 'SCHEMA' order by table_name, ordinal_position";
        String indexes = "select tablename, replace(indexdef, schemaname || '.', '') from pg_indexes"
                + " where schemaname = 'SCHEMA' order by 1, 2";
        assertThat(TestServers.query(columns.replace("SCHEMA", "printed")))
                .isNotEmpty()
                .isEqualTo(TestServers.query(columns.replace("SCHEMA", "installed")));
        assertThat(TestServers.query(indexes.replace("SCHEMA", "printed")))
                .isNotEmpty()
                .isEqualTo(TestServers.query(indexes.replace("SCHEMA", "installed")));
    }
}
