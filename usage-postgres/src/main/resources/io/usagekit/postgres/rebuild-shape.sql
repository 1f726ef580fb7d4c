-- A table that is to be rebuilt. No row: there is none.
-- Parameters: :table, quoted; :created_at, its column.
-- Returns: id and kind as in pg_class; owner, quoted, and whether it is this role; key, the column of its primary key apart from
-- :created_at (null if it isn't exactly one) and its type with its collation; nullable, whether :created_at may be null; options,
-- the storage parameters as they follow the table's name; comment, as a literal or null; rows, as estimated.
with recursive below as (
    select c.oid from pg_catalog.pg_class c where c.oid = to_regclass(:table)
    union all
    select i.inhrelid from below join pg_catalog.pg_inherits i on i.inhparent = below.oid
),

key as (
    select min(a.attname) as name, min(a.attnum) as attnum
    from pg_catalog.pg_index x
    cross join lateral unnest(x.indkey[0: x.indnkeyatts - 1]) as k (attnum)
    join pg_catalog.pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.attnum
    where x.indrelid = to_regclass(:table) and x.indisprimary and a.attname <> :created_at
    having count(*) = 1
)

select
    c.oid as id,
    c.relkind as kind,
    quote_ident(pg_get_userbyid(c.relowner)) as owner,
    c.relowner = (select oid from pg_catalog.pg_roles where rolname = current_user) as is_own,
    quote_ident(key.name) as key,
    format_type(a.atttypid, a.atttypmod) || coalesce((
        select format(' collate %I.%I', n.nspname, l.collname)
        from pg_catalog.pg_collation l join pg_catalog.pg_namespace n on n.oid = l.collnamespace
        where l.oid = a.attcollation
    ), '') as key_type,
    not t.attnotnull as nullable,
    coalesce((
        select format(' with (%s)', array_to_string(leaf.reloptions, ', '))
        from below join pg_catalog.pg_class leaf on leaf.oid = below.oid
        where leaf.reloptions is not null
        order by leaf.oid
        limit 1
    ), '') as options,
    quote_literal(obj_description(c.oid, 'pg_class')) as comment,
    (
        select coalesce(sum(greatest(leaf.reltuples, 0)), 0)::bigint
        from below join pg_catalog.pg_class leaf on leaf.oid = below.oid
        where leaf.relkind = 'r'
    ) as rows
from pg_catalog.pg_class c
left join key on true
left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = key.attnum
join pg_catalog.pg_attribute t on t.attrelid = c.oid and t.attname = :created_at
where c.oid = to_regclass(:table)
