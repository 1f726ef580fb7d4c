package io.usagekit.verification.upgrades;

/** The library's own tables, filled and read by plain SQL: the host's writers and the oracle of its figures. */
record Schema(String name) {

    static final String MARCH = "2026-03";
    static final String STILL = "org-still";
    static final String BUSY = "org-busy";

    /** The only project of an organisation. */
    static String projectOf(String organisation) {
        return "project-of-" + organisation;
    }

    /** A schema without tables. */
    static Schema empty(String name) {
        return new Schema(Servers.without(name));
    }

    /** Inserts two organisations with events and deliveries in most hours of March 2026; some of them are deleted, some failed. */
    void fill() {
        for (String organisation : new String[] {STILL, BUSY}) {
            String project = projectOf(organisation);
            Servers.sql("insert into %s.projects (id, organisation_id) values ('%s', '%s')"
                    .formatted(name, project, organisation));
            Servers.sql("""
                    insert into %1$s.events (id, project_id, raw, data, created_at, deleted_at)
                    select '%2$s-' || i, '%2$s', repeat('ä', i %% 50), convert_to(repeat('x', i %% 30), 'UTF8'),
                        timestamptz '2026-03-01 00:00Z' + i * interval '53 minutes',
                        case when i %% 11 = 0 then timestamptz '2026-03-30 00:00Z' end
                    from generate_series(0, 799) i
                    """.formatted(name, project));
            Servers.sql("""
                    insert into %1$s.event_deliveries (id, project_id, event_id, status, created_at)
                    select 'of-' || e.id, e.project_id, e.id,
                        case when length(e.raw) %% 7 = 0 then 'Failure' else 'Success' end, e.created_at + interval '40 minutes'
                    from %1$s.events e where e.project_id = '%2$s'
                    """.formatted(name, project));
        }
        Servers.sql("analyze %1$s.events, %1$s.event_deliveries".formatted(name));
    }

    /** A transaction of the host: an event that comes, one that is deleted, and a delivery that succeeds late. */
    void change(String organisation, int number) {
        String project = projectOf(organisation);
        Servers.sql("""
                insert into %1$s.events (id, project_id, raw, created_at) values ('host-%3$d', '%2$s', 'from the host',
                    timestamptz '2026-03-02 00:30Z' + %3$d %% 600 * interval '1 hour');
                update %1$s.events set deleted_at = now() where id = '%2$s-' || %3$d %% 700;
                update %1$s.event_deliveries set status = 'Success' where id = 'of-%2$s-' || %3$d %% 799
                """.formatted(name, project, number));
    }

    /** The figure of March, computed from the raw rows in the obvious way. */
    Figure oracle(String organisation) {
        long[] numbers = Servers.numbers("""
                select r.*, s.* from
                    (select count(*), coalesce(sum(octet_length(e.raw) + octet_length(e.data)), 0) from %1$s.events e
                        where e.project_id = '%2$s' and e.deleted_at is null
                        and e.created_at >= '2026-03-01 00:00Z' and e.created_at < '2026-04-01 00:00Z') r,
                    (select count(*), coalesce(sum(octet_length(e.raw) + octet_length(e.data)), 0)
                        from %1$s.event_deliveries d left join %1$s.events e on e.id = d.event_id
                        where d.project_id = '%2$s' and d.status = 'Success'
                        and d.created_at >= '2026-03-01 00:00Z' and d.created_at < '2026-04-01 00:00Z') s
                """.formatted(name, projectOf(organisation)));
        return new Figure(organisation, MARCH, numbers[0], numbers[1], numbers[2], numbers[3], "");
    }
}
