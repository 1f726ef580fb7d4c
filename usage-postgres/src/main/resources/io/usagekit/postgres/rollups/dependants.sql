-- The tables whose rows refer to the events and deliveries that retention deletes. Tables in parameters are qualified and quoted.

-- name: list-dependants
-- The foreign keys that refer to a table or to one of its partitions, those of deliveries to events apart.
--
-- Parameters: :table; :events, :deliveries and :projects, the mapped tables.
-- Returns: schema and name of the table that refers, which may be a partition; root_schema and root_name of its partitioned table, or
-- its own; referenced, the other table; foreign_key, the name; on_delete, as in pg_constraint; columns, keys and operators, one for each column, quoted; is_mapped,
-- whether the table is one of the mapped ones; is_self, whether it refers to itself; to_partition, whether it refers to a single
-- partition; is_partitioned; indexed, whether an index begins with one of the columns; may_delete, whether this role may delete its
-- rows; replaced, false.
with recursive below as (
    select to_regclass(:table)::oid as oid
    union all
    select i.inhrelid from below join pg_catalog.pg_inherits i on i.inhparent = below.oid
),

reference as (
    select
        c.*,
        coalesce(pg_partition_root(c.conrelid), c.conrelid)::oid as root
    from below join pg_catalog.pg_constraint c on c.confrelid = below.oid
    where c.contype = 'f' and c.conparentid = 0
)

select
    n.nspname as schema,
    t.relname as name,
    rn.nspname as root_schema,
    root.relname as root_name,
    pn.nspname || '.' || p.relname as referenced,
    c.conname as foreign_key,
    c.confdeltype::text as on_delete,
    parts.columns,
    parts.keys,
    parts.operators,
    c.root in (to_regclass(:events), to_regclass(:deliveries), to_regclass(:projects)) as is_mapped,
    c.root = to_regclass(:table) as is_self,
    c.confrelid <> to_regclass(:table) as to_partition,
    t.relkind = 'p' as is_partitioned,
    exists (
        select from pg_catalog.pg_index x
        where x.indrelid = c.conrelid and x.indisvalid and x.indpred is null and x.indkey[0] = any (c.conkey)
    ) as indexed,
    has_table_privilege(t.oid, 'DELETE') and has_table_privilege(t.oid, 'SELECT') as may_delete,
    false as replaced
from reference c
join pg_catalog.pg_class t on t.oid = c.conrelid
join pg_catalog.pg_namespace n on n.oid = t.relnamespace
join pg_catalog.pg_class root on root.oid = c.root
join pg_catalog.pg_namespace rn on rn.oid = root.relnamespace
join pg_catalog.pg_class p on p.oid = c.confrelid
join pg_catalog.pg_namespace pn on pn.oid = p.relnamespace
cross join lateral (
    select
        array_agg(quote_ident(a.attname) order by k.place) as columns,
        array_agg(quote_ident(r.attname) order by k.place) as keys,
        array_agg(format('operator(%I.%s)', s.nspname, o.oprname) order by k.place) as operators
    from unnest(c.conkey, c.confkey, c.conpfeqop, c.conffeqop) with ordinality as k (attnum, key, equals, same, place)
    join pg_catalog.pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.attnum
    join pg_catalog.pg_attribute r on r.attrelid = c.confrelid and r.attnum = k.key
    join pg_catalog.pg_operator e on e.oid = k.equals
    join pg_catalog.pg_operator o on o.oid = coalesce(nullif(e.oprcom, 0), k.same)
    join pg_catalog.pg_namespace s on s.oid = o.oprnamespace
) as parts
where not (c.root = to_regclass(:deliveries) and to_regclass(:table) = to_regclass(:events))
order by schema, name, foreign_key

-- name: has-replaced-foreign-keys
-- Whether triggers may replace foreign keys to partitioned tables, and this role may read which.
--
-- Parameters: :schema, the schema of their records.
-- Returns: answer.
select exists (
    select
    from pg_catalog.pg_class c
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    where n.nspname = :schema
        and c.relname = 'foreign_key'
        and has_schema_privilege(n.oid, 'USAGE')
        and has_table_privilege(c.oid, 'SELECT')
) as answer

-- name: list-replaced-foreign-keys
-- The foreign keys to a partitioned table that triggers replace, apart from those of deliveries to events. {state_schema} is the schema
-- of their records, quoted.
--
-- Parameters: :role, events or deliveries; :table; :events, :deliveries and :projects, the mapped tables.
-- Returns: what list-dependants returns: schema, name, root_schema, root_name, referenced, foreign_key, on_delete, columns, keys,
-- operators, is_mapped, is_self, to_partition, is_partitioned, indexed, may_delete; replaced, true.
select
    f.schema,
    f.referencing as name,
    rn.nspname as root_schema,
    root.relname as root_name,
    pn.nspname || '.' || p.relname as referenced,
    f.name as foreign_key,
    case
        when d.parts[3] ~ 'ON DELETE CASCADE' then 'c'
        when d.parts[3] ~ 'ON DELETE SET' then 'n'
        else 'a'
    end as on_delete,
    array[d.parts[1]] as columns,
    array[d.parts[2]] as keys,
    array['='] as operators,
    root.oid in (to_regclass(:events), to_regclass(:deliveries), to_regclass(:projects)) as is_mapped,
    root.oid = to_regclass(:table) as is_self,
    false as to_partition,
    t.relkind = 'p' as is_partitioned,
    exists (
        select from pg_catalog.pg_index x
        join pg_catalog.pg_attribute a on a.attrelid = x.indrelid and a.attnum = x.indkey[0]
        where x.indrelid = t.oid and x.indisvalid and x.indpred is null and quote_ident(a.attname) = d.parts[1]
    ) as indexed,
    has_table_privilege(t.oid, 'DELETE') and has_table_privilege(t.oid, 'SELECT') as may_delete,
    true as replaced
from {state_schema}.foreign_key f
join pg_catalog.pg_namespace n on n.nspname = f.schema
join pg_catalog.pg_class t on t.relnamespace = n.oid and t.relname = f.referencing
join pg_catalog.pg_class p on p.oid = to_regclass(:table)
join pg_catalog.pg_namespace pn on pn.oid = p.relnamespace
join pg_catalog.pg_class root on root.oid = coalesce(pg_partition_root(t.oid), t.oid)
join pg_catalog.pg_namespace rn on rn.oid = root.relnamespace
cross join lateral regexp_match(
    f.definition, '^FOREIGN KEY \(([^()]+)\) REFERENCES [^()]+\(([^()]+)\)(.*)$'
) as d (parts)
where f.role = :role
    and d.parts is not null
    and not (root.oid = to_regclass(:deliveries) and to_regclass(:table) = to_regclass(:events))
order by f.schema, f.referencing, f.name
