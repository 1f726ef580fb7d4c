-- Times in which partitions of the mapped tables have rows, for what walks through all of them.

-- name: filled-times
-- Times between which all rows of events and deliveries lie that were created before :before, found without a look at a row: an empty
-- table has an empty file; a foreign one counts as filled. Each is the time of few partitions, so that a statement that holds its bounds is
-- planned for these alone; partitions that are next to one another, at most :partitions of both tables, are taken together, and left out if
-- all of them are empty.
--
-- The bounds of a partition are those by which its table and the ones above are divided into ranges of the time, alone or after columns that
-- have one value, as in PARTITION BY RANGE (project_id, created_at). Where rows lie in a table that has no such bounds, e.g. one without
-- partitions or a default partition, the times cover everything.
--
-- Parameters: :events and :deliveries, quoted; :event_created_at and :delivery_created_at, columns; :before, timestamptz as text; :partitions, bigint, at least 1.
-- Returns, as text, from the newest to the oldest, none of which overlap: lower and upper, whole hours or infinite, [lower, upper), upper at
-- most :before; near_lower and near_upper, between which the events of these deliveries are looked up first.
with recursive below as (
    select t.relation, t.created_at, timestamptz '-infinity' as lower, timestamptz 'infinity' as upper
    from (
        values
            (to_regclass(:events)::oid, :event_created_at::name),
            (to_regclass(:deliveries)::oid, :delivery_created_at)
    ) as t (relation, created_at)
    union all
    select
        i.inhrelid,
        b.created_at,
        case when part.is_range then greatest(b.lower, part.lower::timestamptz) else b.lower end,
        case when part.is_range then least(b.upper, part.upper::timestamptz) else b.upper end
    from below b
    join pg_catalog.pg_inherits i on i.inhparent = b.relation
    join pg_catalog.pg_class c on c.oid = i.inhrelid
    left join pg_catalog.pg_partitioned_table k on k.partrelid = b.relation and k.partstrat = 'r'
    left join pg_catalog.pg_attribute a
        on a.attrelid = k.partrelid and a.attnum = k.partattrs[k.partnatts - 1] and a.attname = b.created_at
    cross join lateral ({range-of-partition}) as part
),

leaf as materialized (
    select b.lower, b.upper, c.relkind <> 'r' or coalesce(pg_relation_size(b.relation), 1) > 0 as is_filled
    from below b
    join pg_catalog.pg_class c on c.oid = b.relation
    where c.relkind <> 'p'
),

everywhere as materialized (
    select exists (select from leaf where is_filled and not (isfinite(lower) and isfinite(upper))) as filled
),

numbered as (
    select lower, upper, is_filled, (row_number() over (order by upper desc, lower desc) - 1) / :partitions::bigint as n
    from leaf
    where isfinite(lower) and isfinite(upper)
),

hull as (
    select
        n.n,
        date_trunc('hour', min(n.lower), 'UTC') as lower,
        date_trunc('hour', max(n.upper) + interval '1 hour' - interval '1 microsecond', 'UTC') as upper
    from numbered n
    cross join everywhere
    where n.is_filled or everywhere.filled
    group by n.n
),

-- What newer ones cover is left out: their last partition ends no sooner.
apart as (
    select
        lower,
        upper,
        min(lower) over (order by n rows between unbounded preceding and 1 preceding) as newer,
        n = max(n) over () as is_oldest
    from hull
),

time as (
    select
        case when is_oldest and everywhere.filled then timestamptz '-infinity' else lower end as lower,
        case when everywhere.filled then coalesce(newer, 'infinity') else least(upper, newer) end as upper
    from apart
    cross join everywhere
    union all
    select '-infinity', 'infinity'
    from everywhere
    where everywhere.filled and not exists (select from hull)
)

{times-before}

-- name: known-times
-- What filled-times returns for :before, from what it returned for all time.
-- Parameters: :lowers and :uppers, text[]; :before, timestamptz as text.
with time as (
    select t.lower, t.upper from unnest(:lowers::timestamptz[], :uppers::timestamptz[]) as t (lower, upper)
)

{times-before}

-- name: filled-digest
-- A digest of the tables below events and deliveries that have rows, and of when each and those above it were attached: as long as it is the
-- same, all rows are in the times that filled-times returned, whose bounds take most of the time that it takes. A foreign table counts as
-- filled.
-- Parameters: :events and :deliveries, quoted. Returns digest, as text.
with recursive below as (
    select t.relation, 0::bigint as attached
    from (values (to_regclass(:events)::oid), (to_regclass(:deliveries)::oid)) as t (relation)
    union all
    select i.inhrelid, hashint8extended(i.attached, b.attached)
    from below b
    cross join lateral (
        select i.inhrelid, ((select age('3'::xid))::bigint - age(i.xmin)) & 4294967295 as attached
        from pg_catalog.pg_inherits i
        where i.inhparent = b.relation
        offset 0
    ) as i
)

select coalesce(sum(hashoidextended(b.relation, b.attached)), 0)::text as digest
from below b
left join pg_catalog.pg_foreign_table f on f.ftrelid = b.relation
where f.ftrelid is not null or coalesce(pg_relation_size(b.relation), 1) > 0

-- fragment: times-before
-- The times of the relation time before :before, as filled-times returns them.
--
-- Parameters: :before, timestamptz as text.
select
    t.lower::text as lower,
    t.upper::text as upper,
    (t.lower - interval '7 days')::text as near_lower,
    (t.upper + interval '1 day')::text as near_upper
from (select lower, least(upper, :before::timestamptz) as upper from time) as t
where t.lower < t.upper
order by t.lower desc

-- fragment: range-of-partition
-- The range of the time of a partition c of a table: lower and upper, as text, and is_range, whether it has one. PostgreSQL writes its bounds
-- as FOR VALUES FROM (before, 'lower') TO (before, 'upper'), where before is the same and lower and upper are of one length, or else it isn't
-- taken for a range of the time. a is the column of the time, null unless it is the last one by which the table is partitioned.
select
    bound.lower,
    bound.upper,
    bound.upper ~ '^[0-9]+-[0-9][0-9]-[0-9][0-9] [-+:.0-9]+( BC)?$'
        and bound.lower ~ '^[0-9]+-[0-9][0-9]-[0-9][0-9] [-+:.0-9]+( BC)?$'
        and bound.text = 'FOR VALUES FROM (' || bound.before || '''' || bound.lower || ''') TO (' || bound.before || ''''
            || bound.upper || ''')' as is_range
from (
    select
        written.text,
        written.upper,
        left(written.rest, written.length) as before,
        substr(written.rest, written.length + 2, length(written.upper)) as lower
    from (
        select
            b.text,
            b.upper,
            substr(b.text, length('FOR VALUES FROM (') + 1) as rest,
            greatest(0, length(b.text) - length('FOR VALUES FROM ('''') TO ('''')') - 2 * length(b.upper)) / 2 as length
        from (
            select e.text, reverse(split_part(reverse(e.text), '''', 2)) as upper
            from (select case when a.attnum is not null then pg_get_expr(c.relpartbound, c.oid) end as text) as e
            offset 0
        ) as b
        offset 0
    ) as written
    offset 0
) as bound
offset 0
