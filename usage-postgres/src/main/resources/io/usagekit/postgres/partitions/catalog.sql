-- What the catalog says about a mapped table: its definition, its indexes, its partitions. Tables in parameters are qualified
-- and quoted, as to_regclass reads them.

-- name: relation-exists
-- Whether a relation exists.
--
-- Parameters: :relation, qualified and quoted.
-- Returns: answer.
select to_regclass(:relation) is not null as answer

-- name: find-table
-- The definition of a table that is to be rewritten; no row if it doesn't exist.
--
-- Parameters: :table; :created_at, the name of its column.
-- Returns: kind, as in pg_class; owner, quoted; is_own, whether that is this role; key, the column of its primary key apart from
-- :created_at, quoted, null unless it is exactly one; key_type, with its collation; options, the storage parameters as they follow
-- the table's name; comment, as a literal or null; rows, as estimated.
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
    c.relkind as kind,
    quote_ident(pg_get_userbyid(c.relowner)) as owner,
    c.relowner = (select oid from pg_catalog.pg_roles where rolname = current_user) as is_own,
    quote_ident(key.name) as key,
    format_type(a.atttypid, a.atttypmod) || coalesce((
        select format(' collate %I.%I', n.nspname, l.collname)
        from pg_catalog.pg_collation l join pg_catalog.pg_namespace n on n.oid = l.collnamespace
        where l.oid = a.attcollation
    ), '') as key_type,
    coalesce((
        select format(' with (%s)', string_agg(settings.option, ', '))
        from below
        join pg_catalog.pg_class leaf on leaf.oid = below.oid
        left join pg_catalog.pg_class toast on toast.oid = leaf.reltoastrelid
        cross join lateral (
            select unnest(leaf.reloptions) as option
            union all
            select 'toast.' || unnest(toast.reloptions)
        ) as settings
        group by leaf.oid
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

-- name: list-column-settings
-- The statements that give a relation the statistics targets and attribute options of a table's columns.
--
-- Parameters: :table; :relation, which gets them.
-- Returns: statement.
select format('alter table %s alter column %I set statistics %s', :relation::text, a.attname, a.attstattarget) as statement
from pg_catalog.pg_attribute a
where a.attrelid = to_regclass(:table) and a.attnum > 0 and not a.attisdropped and coalesce(a.attstattarget, -1) >= 0
union all
select format('alter table %s alter column %I set (%s)', :relation::text, a.attname, array_to_string(a.attoptions, ', '))
from pg_catalog.pg_attribute a
where a.attrelid = to_regclass(:table) and a.attnum > 0 and not a.attisdropped and a.attoptions is not null
order by statement

-- name: list-statistics
-- The extended statistics of a table.
--
-- Parameters: :table; :shadow, the table whose statistics have the new names.
-- Returns: schema, name, new_name and old_name, quoted: its own, that on the shadow table, and that on the old one; definition, what
-- stands between the name and FROM; settings, the statements that complete it, with %s for its name, as one script; exists, whether the
-- shadow table has it.
select
    quote_ident(n.nspname) as schema,
    quote_ident(s.stxname) as name,
    'usagekit_new_' || s.oid as new_name,
    'usagekit_old_' || s.oid as old_name,
    substr(
        text.definition,
        1 + length(format('CREATE STATISTICS %I.%I', n.nspname, s.stxname)),
        length(text.definition) - length(format('CREATE STATISTICS %I.%I', n.nspname, s.stxname))
            - length(' FROM ' || s.stxrelid::regclass)
    ) as definition,
    concat_ws(
        '; ',
        case
            when (to_jsonb(s) ->> 'stxstattarget')::int >= 0
                then 'alter statistics %1$s set statistics ' || (to_jsonb(s) ->> 'stxstattarget')
        end,
        'comment on statistics %1$s is ' || replace(quote_literal(obj_description(s.oid, 'pg_statistic_ext')), '%', '%%'),
        case
            when s.stxowner <> (select r.oid from pg_catalog.pg_roles r where r.rolname = current_user)
                then 'alter statistics %1$s owner to ' || replace(quote_ident(pg_get_userbyid(s.stxowner)), '%', '%%')
        end
    ) as settings,
    exists (
        select from pg_catalog.pg_statistic_ext o
        where o.stxrelid = to_regclass(:shadow) and o.stxname = 'usagekit_new_' || s.oid
    ) as "exists"
from pg_catalog.pg_statistic_ext s
join pg_catalog.pg_namespace n on n.oid = s.stxnamespace
cross join lateral (select pg_get_statisticsobjdef(s.oid) as definition) as text
where s.stxrelid = to_regclass(:table)
order by s.oid

-- name: list-comments
-- The statements that comment a table's indexes, unique constraints and triggers again, once these have their names.
--
-- Parameters: :table; :partitions, the schema of the state, quoted.
-- Returns: statement.
select format('comment on index %I.%I is %L', n.nspname, i.relname, d.description) as statement
from pg_catalog.pg_index x
join pg_catalog.pg_class i on i.oid = x.indexrelid
join pg_catalog.pg_namespace n on n.oid = i.relnamespace
join pg_catalog.pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = i.oid and d.objsubid = 0
where x.indrelid = to_regclass(:table) and x.indisvalid
union all
select format('comment on constraint %I on %s is %L', c.conname, :table::text, d.description)
from pg_catalog.pg_constraint c
join pg_catalog.pg_description d on d.classoid = 'pg_constraint'::regclass and d.objoid = c.oid
where c.conrelid = to_regclass(:table) and c.contype in ('p', 'u')
union all
select format('comment on trigger %I on %s is %L', g.tgname, :table::text, d.description)
from pg_catalog.pg_trigger g
join pg_catalog.pg_proc f on f.oid = g.tgfoid
join pg_catalog.pg_description d on d.classoid = 'pg_trigger'::regclass and d.objoid = g.oid
where g.tgrelid = to_regclass(:table)
    and not g.tgisinternal
    and g.tgparentid = 0
    and f.pronamespace is distinct from to_regnamespace(:partitions)
order by statement

-- name: list-columns
-- The columns that are copied, in their order: all but generated ones.
--
-- Parameters: :table.
-- Returns: name, quoted.
select quote_ident(attname) as name
from pg_catalog.pg_attribute
where attrelid = to_regclass(:table) and attnum > 0 and not attisdropped and attgenerated = ''
order by attnum

-- name: list-indexes
-- The valid indexes of a table, those of its constraints included; of a partitioned table those of the parent.
--
-- Parameters: :table; :created_at, the name of the partitions' time; :role.
-- Returns: id, as in pg_class; name, quoted; is_primary, is_unique, is_constraint; definition, of a constraint what follows its
-- name, of an index what follows the table's; has_time, whether :created_at is among its keys; widened, whether it was given it;
-- time, :created_at, quoted as definitions have it.
select
    c.oid as id,
    quote_ident(c.relname) as name,
    x.indisprimary as is_primary,
    x.indisunique as is_unique,
    o.oid is not null as is_constraint,
    coalesce(
        pg_get_constraintdef(o.oid),
        substr(
            pg_get_indexdef(c.oid),
            1 + length(format(
                'CREATE %sINDEX %I ON %s%I.%I',
                case when x.indisunique then 'UNIQUE ' else '' end,
                c.relname,
                case when c.relkind = 'I' then 'ONLY ' else '' end,
                n.nspname,
                t.relname
            ))
        )
    ) as definition,
    exists (
        select from pg_catalog.pg_attribute a
        where a.attrelid = t.oid and a.attname = :created_at and a.attnum = any (x.indkey[0: x.indnkeyatts - 1])
    ) as has_time,
    exists (select from {partitions}.widened w where w.role = :role and w.name = c.relname) as widened,
    quote_ident(:created_at::text) as time
from pg_catalog.pg_index x
join pg_catalog.pg_class c on c.oid = x.indexrelid
join pg_catalog.pg_class t on t.oid = x.indrelid
join pg_catalog.pg_namespace n on n.oid = t.relnamespace
left join pg_catalog.pg_constraint o on o.conindid = c.oid and o.contype in ('p', 'u') and o.conrelid = t.oid
where x.indrelid = to_regclass(:table) and x.indisvalid
order by x.indisprimary desc, c.oid

-- name: list-sequences
-- The sequences of a table's columns.
--
-- Parameters: :table.
-- Returns: schema and name of the sequence, and column, quoted; is_identity, whether it can't belong to another table.
select
    quote_ident(n.nspname) as schema,
    quote_ident(s.relname) as name,
    quote_ident(a.attname) as "column",
    d.deptype = 'i' as is_identity
from pg_catalog.pg_depend d
join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
join pg_catalog.pg_namespace n on n.oid = s.relnamespace
join pg_catalog.pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
where d.classid = 'pg_class'::regclass
    and d.refclassid = 'pg_class'::regclass
    and d.refobjid = to_regclass(:table)
    and d.deptype in ('a', 'i')
order by s.oid

-- name: list-sequence-grants
-- The statements that give a sequence the privileges of another one, and no others.
--
-- Parameters: :from, the sequence whose privileges they are; :to, the one that gets them.
-- Returns: turn, by which they are ordered; statement.
with named as (
    select
        s.oid,
        x.privilege_type,
        x.is_grantable,
        case x.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(x.grantee)) end as role
    from pg_catalog.pg_class s cross join lateral aclexplode(s.relacl) as x
    where x.grantee <> s.relowner
)

select distinct 0 as turn, format('revoke all on sequence %s from %s', :to::text, role) as statement
from named
where oid = to_regclass(:to)
union all
select
    1,
    format(
        'grant %s on sequence %s to %s%s',
        privilege_type, :to::text, role, case when is_grantable then ' with grant option' else '' end
    )
from named
where oid = to_regclass(:from)
order by turn, statement

-- name: list-triggers
-- The statements that create a table's triggers again under its name and enable them as they are, except those of the rewrite.
--
-- Parameters: :table; :partitions, the schema of the state, quoted.
-- Returns: statement.
select
    pg_get_triggerdef(t.oid) || case t.tgenabled
        when 'O' then ''
        else format(
            '; alter table %s %s trigger %I',
            :table::text,
            case t.tgenabled when 'A' then 'enable always' when 'R' then 'enable replica' else 'disable' end,
            t.tgname
        )
    end as statement
from pg_catalog.pg_trigger t
join pg_catalog.pg_proc f on f.oid = t.tgfoid
where t.tgrelid = to_regclass(:table)
    and not t.tgisinternal
    and t.tgparentid = 0
    and not (
        f.pronamespace = to_regnamespace(:partitions)
        and (f.proname like 'note\_%' or f.proname in ('refuse_truncate', 'check_snapshot'))
    )
order by t.tgname

-- name: list-grants
-- The statements that give the shadow table the privileges of the table, and no others.
--
-- Parameters: :table, :shadow.
-- Returns: turn, by which they are ordered; statement.
with granted as (
    select c.oid, c.relowner, null::text as attname, x.grantee, x.privilege_type, x.is_grantable
    from pg_catalog.pg_class c cross join lateral aclexplode(c.relacl) as x
    union all
    select c.oid, c.relowner, a.attname, x.grantee, x.privilege_type, x.is_grantable
    from pg_catalog.pg_class c
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and not a.attisdropped
    cross join lateral aclexplode(a.attacl) as x
),

named as (
    select
        g.*,
        case g.grantee when 0 then 'public' else quote_ident(pg_get_userbyid(g.grantee)) end as role
    from granted g
    where g.grantee <> g.relowner
)

select distinct 0 as turn, format('revoke all on table %s from %s', :shadow::text, role) as statement
from named
where oid = to_regclass(:shadow)
union all
select
    1,
    format(
        'grant %s%s on table %s to %s%s',
        privilege_type,
        ' (' || quote_ident(attname) || ')',
        :shadow::text,
        role,
        case when is_grantable then ' with grant option' else '' end
    )
from named
where oid = to_regclass(:table)
order by turn, statement

-- name: list-differences
-- What differs between a table and its shadow table, since the table was altered during the rewrite, one row each, in words.
--
-- Parameters: :table, :shadow.
-- Returns: difference.
with described as (
    select
        a.attrelid as relation,
        'the column ' || quote_ident(a.attname) as name,
        concat_ws(
            ' ', format_type(a.atttypid, a.atttypmod), a.attcollation, a.attnotnull, a.attidentity, a.attgenerated,
            pg_get_expr(d.adbin, d.adrelid)
        ) as definition
    from pg_catalog.pg_attribute a
    left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attnum > 0 and not a.attisdropped
    union all
    select conrelid, 'the constraint ' || quote_ident(conname), pg_get_constraintdef(oid)
    from pg_catalog.pg_constraint
    where contype = 'c'
),

one_sided as (
    (
        select name, definition from described where relation = to_regclass(:table)
        except
        select name, definition from described where relation = to_regclass(:shadow)
    )
    union all
    (
        select name, definition from described where relation = to_regclass(:shadow)
        except
        select name, definition from described where relation = to_regclass(:table)
    )
)

select distinct name as difference from one_sided order by name

-- name: list-partitions
-- The partitions of a table, in the order of their times, the default one last.
--
-- Parameters: :table.
-- Returns: schema, name; lower and upper, timestamptz, null for the default partition; rows, as estimated, -1 if never analysed.
-- Bounds without a zone are in UTC.
select
    n.nspname as schema,
    c.relname as name,
    (b.bounds[1] || case when b.bounds[1] ~ '^\S+ [0-9:.]+$' then 'Z' else '' end)::timestamptz as lower,
    (b.bounds[2] || case when b.bounds[2] ~ '^\S+ [0-9:.]+$' then 'Z' else '' end)::timestamptz as upper,
    c.reltuples::bigint as rows
from pg_catalog.pg_inherits i
join pg_catalog.pg_class c on c.oid = i.inhrelid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join lateral regexp_match(
    pg_get_expr(c.relpartbound, c.oid), $$FROM \('([^']+)'\) TO \('([^']+)'\)$$
) as b (bounds) on true
where i.inhparent = to_regclass(:table)
order by lower nulls last

-- name: partition-tree
-- A table with all partitions below it, at every level.
--
-- Parameters: :table; :created_at, the name of its time's column.
-- Returns: id and parent, null for the table itself; schema, name, not quoted; key, by which it is partitioned, null if it isn't; prefix,
-- the columns of the key before its last one, quoted; ends_with_time, whether the key is a range of columns and :created_at its last one;
-- bound, null for the table itself, with times in the session's zone; rows, as estimated, -1 if never analysed; bytes, with indexes and
-- TOAST.
with recursive below as (
    select to_regclass(:table)::oid as oid, null::oid as parent
    union all
    select i.inhrelid, i.inhparent
    from below
    join pg_catalog.pg_class c on c.oid = below.oid and c.relkind = 'p'
    join pg_catalog.pg_inherits i on i.inhparent = below.oid
)

select
    below.oid::text as id,
    below.parent::text as parent,
    n.nspname as schema,
    c.relname as name,
    pg_get_partkeydef(c.oid) as key,
    k.prefix,
    coalesce(p.partstrat = 'r' and k.last = :created_at and cardinality(k.prefix) = p.partnatts - 1, false) as ends_with_time,
    pg_get_expr(c.relpartbound, c.oid) as bound,
    c.reltuples::bigint as rows,
    case when c.relkind = 'r' then coalesce(pg_total_relation_size(c.oid), 0) else 0 end as bytes
from below
join pg_catalog.pg_class c on c.oid = below.oid
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_partitioned_table p on p.partrelid = c.oid
left join lateral (
    select
        coalesce(array_agg(quote_ident(a.attname) order by part.place) filter (where part.place < p.partnatts), '{}') as prefix,
        max(a.attname::text) filter (where part.place = p.partnatts) as last
    from unnest(p.partattrs::int2[]) with ordinality as part (attnum, place)
    join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attnum = part.attnum
) as k on true

-- name: list-own-objects
-- What a partition, or one below it, has that isn't its parent's, so that a new one would lack it, in words; the library's own triggers
-- are left out, and so are checks of the columns by which partitions are chosen: their bounds say the same.
--
-- Parameters: :table. Returns: object.
with recursive below as (
    select to_regclass(:table)::oid as oid, '' as owner
    union all
    select i.inhrelid, ' of ' || i.inhrelid::regclass
    from below join pg_catalog.pg_inherits i on i.inhparent = below.oid
)

select 'the index ' || quote_ident(i.relname) || below.owner as object
from below
join pg_catalog.pg_index x on x.indrelid = below.oid
join pg_catalog.pg_class i on i.oid = x.indexrelid
where not exists (select from pg_catalog.pg_inherits part where part.inhrelid = x.indexrelid)
union all
select 'the trigger ' || quote_ident(g.tgname) || below.owner
from below
join pg_catalog.pg_trigger g on g.tgrelid = below.oid
where not g.tgisinternal and g.tgparentid = 0 and g.tgname not like 'usagekit\_%'
union all
select 'the policy ' || quote_ident(p.polname) || below.owner
from below
join pg_catalog.pg_policy p on p.polrelid = below.oid
union all
select 'the foreign key ' || quote_ident(c.conname) || below.owner
from below
join pg_catalog.pg_constraint c on c.conrelid = below.oid
where c.contype = 'f' and c.conparentid = 0
union all
select 'the check constraint ' || quote_ident(c.conname) || below.owner
from below
join pg_catalog.pg_constraint c on c.conrelid = below.oid
where c.contype = 'c'
    and c.conislocal
    and c.coninhcount = 0
    and exists (
        select
        from pg_catalog.pg_attribute a
        where a.attrelid = below.oid
            and a.attnum = any (c.conkey)
            and a.attname not in (
                select key.attname
                from pg_partition_ancestors(below.oid) as above
                join pg_catalog.pg_partitioned_table p on p.partrelid = above.relid and p.partrelid <> below.oid
                join pg_catalog.pg_attribute key on key.attrelid = above.relid and key.attnum = any (p.partattrs::int2[])
            )
    )
order by object

-- name: find-storage
-- What a new partition takes over from another one.
--
-- Parameters: :table.
-- Returns: owner, quoted; is_own, whether that is this role; options, the storage parameters as they follow the table's name;
-- replica_identity, full or nothing, or empty.
select
    quote_ident(pg_get_userbyid(c.relowner)) as owner,
    c.relowner = (select oid from pg_catalog.pg_roles where rolname = current_user) as is_own,
    coalesce(' with (' || array_to_string(c.reloptions, ', ') || ')', '') as options,
    case c.relreplident when 'f' then 'full' when 'n' then 'nothing' else '' end as replica_identity
from pg_catalog.pg_class c
where c.oid = to_regclass(:table)

-- name: holds-rows-of
-- Whether a partition holds rows of a time and of values of other columns. {partition}, quoted; {same}, the condition on the others.
--
-- Parameters: :lower, inclusive; :upper, exclusive; of the column's type.
-- Returns: answer.
select exists (
    select from {partition} where {same} and {created_at} >= :lower and {created_at} < :upper
) as answer

-- name: holds-rows-between
-- Whether a partition holds rows of a time. {partition}, quoted.
--
-- Parameters: :lower, inclusive; :upper, exclusive; of the column's type.
-- Returns: answer.
select exists (
    select from {partition} where {created_at} >= :lower and {created_at} < :upper
) as answer

-- name: holds-rows-before
-- Whether a partition holds rows of a finite time before another one. {partition}, quoted.
--
-- Parameters: :upper, exclusive, of the column's type.
-- Returns: answer.
select exists (select from {partition} where isfinite({created_at}) and {created_at} < :upper) as answer

-- name: is-empty
-- Whether a partition has no rows. {partition}, quoted.
--
-- Returns: answer.
select not exists (select from {partition}) as answer

-- name: publications-of-new-partitions
-- The publications that would send the rows of a new partition of a table under the partition's own name, if there is a logical replication
-- slot. PostgreSQL 15 and later has publications of schemas; the dependencies of these are read where no catalog of them exists, too.
--
-- Parameters: :parent, qualified and quoted. Returns publication, for messages.
with recursive above as (
    select to_regclass(:parent)::oid as oid
    union all
    select i.inhparent from above join pg_catalog.pg_inherits i on i.inhrelid = above.oid
)

select 'the publication ' || quote_ident(p.pubname) as publication
from pg_catalog.pg_publication p
where not p.pubviaroot
    and exists (
        select from pg_catalog.pg_replication_slots s where s.slot_type = 'logical' and s.database = current_database()
    )
    and (
        p.puballtables
        or exists (select from pg_catalog.pg_publication_rel l join above on above.oid = l.prrelid where l.prpubid = p.oid)
        or exists (
            select
            from pg_catalog.pg_depend of_publication
            join pg_catalog.pg_depend of_schema
                on of_schema.classid = of_publication.classid and of_schema.objid = of_publication.objid
            where of_publication.classid = to_regclass('pg_catalog.pg_publication_namespace')
                and of_publication.refclassid = 'pg_catalog.pg_publication'::regclass
                and of_publication.refobjid = p.oid
                and of_schema.refclassid = 'pg_catalog.pg_namespace'::regclass
                and of_schema.refobjid in (
                    select c.relnamespace from above join pg_catalog.pg_class c on c.oid = above.oid
                )
        )
    )
order by 1
