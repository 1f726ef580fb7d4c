package io.usagekit.postgres.rows;

import io.usagekit.postgres.TableMapping;
import io.usagekit.postgres.testing.Database;
import io.usagekit.postgres.testing.HostTables;

/** A gateway's tables, in which several rows are of each instant. */
final class PageTables extends HostTables {
    PageTables() {
        super(Database.pool(), Database.newSchema("pages"));
        run(
                "create schema {s}",
                "create table {s}.projects (id varchar primary key, organisation_id varchar, deleted_at timestamptz)",
                "create table {s}.events (id varchar primary key, project_id varchar, raw text, data bytea, created_at timestamptz, deleted_at timestamptz)",
                "create table {s}.event_deliveries (id varchar, project_id varchar, event_id varchar, status text, created_at timestamptz)",
                "insert into {s}.projects values ('p1', 'org', null), ('p2', 'org', null), ('p3', 'other', null)",
                "insert into {s}.events select 'e' || n, 'p' || 1 + n % 3, repeat('x', n), null,"
                        + " timestamptz '2026-03-01Z' + n / 7 * interval '1 minute' from generate_series(1, 300) n",
                "insert into {s}.event_deliveries select 'd' || n, 'p' || 1 + n % 3, 'e' || n, 'Success',"
                        + " timestamptz '2026-03-02Z' + n / 7 * interval '1 minute' from generate_series(1, 300) n");
    }

    TableMapping mapping() {
        return TableMapping.gateway(schema);
    }
}
