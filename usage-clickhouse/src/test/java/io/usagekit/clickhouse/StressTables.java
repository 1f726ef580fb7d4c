package io.usagekit.clickhouse;

import io.usagekit.postgres.PostgresUsage;
import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.rollups.PostgresRollups;
import io.usagekit.servers.PostgresServer;
import java.sql.Connection;
import java.sql.SQLException;
import java.sql.Statement;
import javax.sql.DataSource;

/**
 * The library's tables, and a copy of them in which rows stay that retention has deleted: triggers copy each change in its own transaction, unless
 * the session is that of retention. So in each snapshot the combined query of the copy has the figures.
 */
record StressTables(String jdbcUrl) {

    static final String SCHEMA = "clickhouse_stress";
    static final String KEPT = "clickhouse_stress_kept";
    static final int ORGANISATIONS = 4;
    static final int PROJECTS = 12;

    DataSource dataSource() {
        return new PostgresServer.External(jdbcUrl).dataSource();
    }

    /** Its sessions' deletions aren't copied. */
    DataSource ofRetention() {
        return new PostgresServer.External(jdbcUrl + "&options=-c%20stress.retains=on").dataSource();
    }

    static PostgresRollups rollups(DataSource dataSource, StressClock clock) {
        return PostgresRollups.builder(dataSource)
                .mapping(TableMapping.usagekit(SCHEMA))
                .clock(clock)
                .build();
    }

    /** Creates the tables with five days of rows, and installs roll-ups and their feed. */
    void create(StressClock clock) {
        PostgresUsage.install(dataSource(), SCHEMA);
        execute(
                // Writers also deliver events that come later, and delete those that were delivered.
                "do $$ declare key record; begin for key in select conrelid::regclass as of, conname from pg_constraint"
                        + " where contype = 'f' and connamespace = '{s}'::regnamespace loop"
                        + " execute format('alter table %s drop constraint %I', key.of, key.conname); end loop; end $$",
                "create schema {k}", """
                create function {k}.keep() returns trigger language plpgsql as $$
                begin
                    if current_setting('stress.retains', true) = 'on' then
                        return null;
                    end if;
                    if tg_op <> 'INSERT' then
                        execute format('delete from {k}.%I where id = $1', tg_table_name) using old.id;
                    end if;
                    if tg_op <> 'DELETE' then
                        execute format('insert into {k}.%I select ($1).*', tg_table_name) using new;
                    end if;
                    return null;
                end $$
                """);
        for (String table : new String[] {"projects", "events", "event_deliveries"}) {
            execute(
                    "create table {k}." + table + " (like {s}." + table + " including indexes)",
                    "create trigger keep after insert or update or delete on {s}." + table
                            + " for each row execute function {k}.keep()");
        }
        execute(
                "insert into {s}.projects (id, organisation_id) select 'p' || n, 'org-' || n % " + ORGANISATIONS
                        + " from generate_series(0, " + (PROJECTS - 1) + ") n",
                "insert into {s}.events (id, project_id, raw, created_at) select 'h' || n, 'p' || n % " + PROJECTS
                        + ", repeat('x', n % 30), timestamptz '" + StressClock.BEGIN
                        + "' - n * interval '7 minutes' from generate_series(1, 1000) n",
                "insert into {s}.event_deliveries (id, project_id, event_id, status, created_at) select id, project_id,"
                        + " id, 'Success', created_at from {s}.events");
        for (String schema : new String[] {SCHEMA, KEPT}) {
            PostgresUsage.installIndexes(dataSource(), TableMapping.usagekit(schema));
        }
        PostgresRollups rollups = rollups(dataSource(), clock);
        rollups.install();
        rollups.feed().install();
    }

    static String named(String sql) {
        return sql.replace("{s}", SCHEMA).replace("{k}", KEPT);
    }

    void execute(String... statements) {
        try (Connection connection = dataSource().getConnection();
                Statement statement = connection.createStatement()) {
            for (String sql : statements) {
                statement.execute(named(sql));
            }
        } catch (SQLException e) {
            throw new IllegalStateException(e);
        }
    }
}
