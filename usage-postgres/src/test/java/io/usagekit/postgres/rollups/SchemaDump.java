package io.usagekit.postgres.rollups;

import io.usagekit.postgres.internal.Identifiers;
import io.usagekit.postgres.testing.Database;
import java.util.ArrayList;
import java.util.List;

/**
 * A dump of a schema in the same database, and its restore as {@code pg_restore --clean -n} does it: tables are dropped, created with other
 * oids, filled, and get their triggers; functions and sequences, on which triggers of other schemas depend, stay, and sequences get the
 * dump's value.
 */
final class SchemaDump {

    private final String schema;
    private final String dump;
    private final List<String> tables;
    private final List<String> afterwards = new ArrayList<>();

    private SchemaDump(String schema, String dump) {
        this.schema = schema;
        this.dump = dump;
        this.tables = Database.column(
                "select relname from pg_class where relnamespace = ?::regnamespace and relkind = 'r' order by oid",
                schema);
    }

    /** Dumps a schema. */
    static SchemaDump of(String schema, String dump) {
        SchemaDump result = new SchemaDump(schema, dump);
        Database.execute("create schema " + Identifiers.quote(dump));
        for (String table : result.tables) {
            Database.execute("create table " + Identifiers.qualified(dump, table) + " as table "
                    + Identifiers.qualified(schema, table));
        }
        result.afterwards.addAll(Database.column(
                "select format('create view %s as %s', c.oid::regclass, pg_get_viewdef(c.oid)) from pg_class c"
                        + " where c.relnamespace = ?::regnamespace and c.relkind = 'v' order by c.oid",
                schema));
        result.afterwards.addAll(Database.column(
                "select format('%s; alter table %s enable always trigger %I', pg_get_triggerdef(t.oid), c.oid::regclass,"
                        + " t.tgname) from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.relnamespace ="
                        + " ?::regnamespace and not t.tgisinternal order by t.oid",
                schema));
        result.afterwards.addAll(Database.column(
                "select format('select setval(%L, %s)', format('%I.%I', schemaname, sequencename), last_value) from"
                        + " pg_sequences where schemaname = ? and last_value is not null",
                schema));
        return result;
    }

    /** Restores the whole schema. */
    void restore() {
        restore(tables);
    }

    /** Restores some of its tables, with their triggers. */
    void restore(List<String> some) {
        List<String> statements = new ArrayList<>();
        for (String table : some) {
            String name = Identifiers.qualified(schema, table);
            statements.add("create table " + Identifiers.qualified(dump, "columns_" + table) + " (like " + name
                    + " including all)");
            statements.add("drop table " + name + " cascade");
            statements.add("create table " + name + " (like " + Identifiers.qualified(dump, "columns_" + table)
                    + " including all)");
            statements.add("drop table " + Identifiers.qualified(dump, "columns_" + table));
            statements.add(
                    "insert into " + name + " overriding system value table " + Identifiers.qualified(dump, table));
        }
        for (String statement : afterwards) {
            boolean isOfOther = tables.stream()
                    .filter(table -> !some.contains(table))
                    .anyMatch(table -> statement.contains(" ON " + schema + "." + table + " "));
            if (!isOfOther) {
                statements.add(statement);
            }
        }
        Database.execute(statements.toArray(String[]::new));
    }
}
