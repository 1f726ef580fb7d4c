package io.usagekit.postgres.partitions;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What belongs to a table besides its rows, constraints and triggers follows it into each shape. */
class PartitionAttributesIT {

    private final PartitionFixture tables = PartitionFixture.create();
    private final String role = tables.schema + "_numbers";

    @AfterEach
    void drop() {
        tables.run("drop owned by " + role, "drop role " + role);
        tables.close();
    }

    private List<String> attributes() {
        List<String> all = new ArrayList<>(tables.column("""
                select 'comment on ' || pg_describe_object(d.classoid, d.objoid, d.objsubid) || ': ' || d.description
                from pg_description d
                where (d.classoid = 'pg_class'::regclass and d.objoid in (select indexrelid from pg_index where indrelid = '{s}.events'::regclass))
                    or (d.classoid = 'pg_constraint'::regclass and d.objoid in (select oid from pg_constraint where conrelid = '{s}.events'::regclass))
                    or (d.classoid = 'pg_trigger'::regclass and d.objoid in (select oid from pg_trigger where tgrelid = '{s}.events'::regclass))
                    or (d.classoid = 'pg_statistic_ext'::regclass and d.objoid in (select oid from pg_statistic_ext where stxrelid = '{s}.events'::regclass))
                union all
                select pg_get_statisticsobjdef(s.oid) || ' ' || s.stxowner::regrole || ' ' || coalesce(s.stxstattarget::text, '-1')
                from pg_statistic_ext s where stxrelid = '{s}.events'::regclass
                union all
                select 'column ' || a.attname || ' ' || a.attstattarget || coalesce(a.attoptions::text, '')
                from pg_attribute a
                where attrelid = '{s}.events'::regclass and attnum > 0 and not attisdropped and (attstattarget >= 0 or attoptions is not null)
                union all
                select 'sequence ' || array_to_string(relacl, ' ') from pg_class where oid = '{s}.events_counted_seq'::regclass
                union all
                select distinct 'options ' || c.reloptions::text || ' ' || t.reloptions::text
                from pg_class c join pg_class t on t.oid = c.reltoastrelid
                where c.oid in (select '{s}.events'::regclass union all select inhrelid from pg_inherits where inhparent = '{s}.events'::regclass)
                order by 1
                """));
        return all;
    }

    @Test
    void followTheTableIntoEachShape() {
        tables.run(
                "create role " + role,
                "comment on index {s}.events_expression is 'by type, 100 % of them'",
                "comment on constraint events_pkey on {s}.events is 'it''s the key'",
                "comment on index {s}.events_pkey is 'the key''s index'",
                "comment on trigger host_before on {s}.events is 'the host''s'",
                "create statistics {s}.\"types and, so on\" (dependencies, ndistinct) on event_type, project_id from {s}.events",
                "create statistics {s}.plain on host_key, project_id from {s}.events",
                "comment on statistics {s}.plain is '100 % plain'",
                "alter statistics {s}.plain set statistics 123",
                "alter statistics {s}.plain owner to " + role,
                "alter table {s}.events alter event_type set statistics 321, alter project_id set (n_distinct = 7)",
                "grant usage on sequence {s}.events_counted_seq to " + role,
                "alter table {s}.events set (fillfactor = 77, toast.autovacuum_enabled = false)");
        List<String> plain = attributes();
        assertThat(plain).hasSize(11);
        PostgresPartitions partitions = tables.partitions();
        partitions.partition(PartitionInterval.MONTH, PartitionProgress.NONE);
        assertThat(attributes()).isEqualTo(plain);
        assertThat(tables.one(
                        "select count(distinct d.stxoid) from pg_statistic_ext_data d join pg_statistic_ext s on s.oid = d.stxoid"
                                + " where s.stxrelid = '{s}.events'::regclass"))
                .as("statistics that are computed")
                .isEqualTo("2");
        partitions.unpartition(PartitionProgress.NONE);
        assertThat(attributes()).isEqualTo(plain);
    }
}
