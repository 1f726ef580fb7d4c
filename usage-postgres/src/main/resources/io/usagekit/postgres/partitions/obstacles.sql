-- What prevents a rewrite of a mapped table, as the catalog has it. Whatever depends on the table goes on depending on the old one,
-- which is emptied and dropped, unless the rewrite moves it: so it is either moved or listed here.

-- name: has-partitions
-- Whether a table is partitioned.
--
-- Parameters: :table, qualified and quoted.
-- Returns: answer.
select exists (select from pg_catalog.pg_class where oid = to_regclass(:table) and relkind = 'p') as answer

-- name: list-obstacles
-- What prevents a rewrite, one row each, in words.
--
-- Parameters: :table, qualified and quoted; :created_at, the name of its column; :partition, whether the rewrite partitions it.
-- Returns: obstacle; remedy, null where the object is to be dropped and created again afterwards.
with recursive below as (
    select c.oid, 0 as depth from pg_catalog.pg_class c where c.oid = to_regclass(:table)
    union all
    select i.inhrelid, below.depth + 1 from below join pg_catalog.pg_inherits i on i.inhparent = below.oid
),

live as (select c.* from pg_catalog.pg_class c where c.oid = to_regclass(:table)),

leaf as (
    select below.oid from below cross join live where below.depth > 0 and live.relkind = 'p'
),

created_at as (
    select
        a.attnotnull,
        a.attgenerated,
        a.attname as name,
        '"' || replace(a.attname, '"', '""') || '"' as quoted,
        regexp_replace(a.attname, '([^a-zA-Z0-9_])', '\\\1', 'g') as pattern
    from live join pg_catalog.pg_attribute a on a.attrelid = live.oid
    where a.attname = :created_at and not a.attisdropped
),

-- Its definition.
definition as (
    select
        'it is a relation of kind "' || live.relkind::text || '", not a table' as obstacle, 'map the table itself' as remedy
    from live where live.relkind not in ('r', 'p')
    union all
    select 'it has no column "' || replace(:created_at::text, '"', '""') || '"', 'map the column of its rows'' time'
    from live where not exists (select from created_at)
    union all
    select 'it needs a primary key of one column', 'rows are copied by it, so give it one first'
    from live
    where live.relkind in ('r', 'p') and not exists (
        select
        from pg_catalog.pg_index x
        cross join lateral unnest(x.indkey[0: x.indnkeyatts - 1]) as k (attnum)
        join pg_catalog.pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.attnum
        where x.indrelid = live.oid and x.indisprimary and a.attname <> :created_at
        having count(*) = 1
    )
    union all
    select
        'its column ' || t.quoted || ' may be null, but becomes part of the primary key',
        'set it NOT NULL first'
    from created_at t where :partition and not t.attnotnull
    union all
    select 'its column ' || t.quoted || ' is generated', 'partitions need a column that is stored; map another one'
    from created_at t where :partition and t.attgenerated <> ''
    union all
    select
        'it is ' || case live.relpersistence when 'u' then 'unlogged' else 'temporary' end,
        'make it permanent first (ALTER TABLE ... SET LOGGED)'
    from live where live.relpersistence <> 'p'
    union all
    select 'it is a table of the type ' || format_type(live.reloftype, -1), 'ALTER TABLE ... NOT OF first'
    from live where live.reloftype <> 0
    union all
    select 'its access method is ' || quote_ident(m.amname), 'only heap tables are rewritten'
    from live join pg_catalog.pg_am m on m.oid = live.relam
    where live.relkind = 'r' and m.amname <> 'heap'
    union all
    select
        'its replica identity isn''t the default',
        'set it first (ALTER TABLE ... REPLICA IDENTITY DEFAULT), and on each partition again afterwards'
    from live where live.relreplident <> 'd'
    union all
    select 'the extension ' || quote_ident(x.extname) || ', to which it belongs', 'ALTER EXTENSION ... DROP TABLE first'
    from live
    join pg_catalog.pg_depend d
        on d.classid = 'pg_class'::regclass and d.objid = live.oid and d.objsubid = 0
        and d.refclassid = 'pg_extension'::regclass and d.deptype = 'e'
    join pg_catalog.pg_extension x on x.oid = d.refobjid
    union all
    select 'the table ' || i.inhrelid::regclass || ', which inherits from it', 'ALTER TABLE ... NO INHERIT first'
    from live join pg_catalog.pg_inherits i on i.inhparent = live.oid
    where live.relkind <> 'p'
    union all
    select 'what it inherits from ' || i.inhparent::regclass, 'ALTER TABLE ... NO INHERIT first, or map the parent'
    from live join pg_catalog.pg_inherits i on i.inhrelid = live.oid
),

-- What this role may not do.
privilege as (
    select 'its owner ' || quote_ident(pg_get_userbyid(live.relowner)) as obstacle,
        'run it as the owner, or as a role that has the owner''s privileges' as remedy
    from live where not pg_has_role(live.relowner, 'USAGE')
    union all
    select
        'the schema ' || live.relnamespace::regnamespace || ', in which ' || quote_ident(r.rolname)
            || ' may not create tables',
        'grant CREATE on it'
    from live
    join pg_catalog.pg_roles me on me.rolname = current_user
    join pg_catalog.pg_roles r on r.oid = me.oid or (r.oid = live.relowner and not me.rolsuper)
    where not has_schema_privilege(r.oid, live.relnamespace, 'CREATE')
    union all
    select
        'the table ' || t.oid::regclass || ', whose foreign key ' || quote_ident(c.conname) || ' only its owner '
            || quote_ident(pg_get_userbyid(t.relowner)) || ' can replace',
        'run it as a role that has the privileges of both owners'
    from live
    join pg_catalog.pg_constraint c on c.confrelid = live.oid and c.contype = 'f' and c.conparentid = 0
    join pg_catalog.pg_class t on t.oid = c.conrelid
    where not pg_has_role(t.relowner, 'USAGE')
    union all
    select
        'the table ' || t.oid::regclass || ', to which the foreign key ' || quote_ident(c.conname) || ' refers',
        'grant REFERENCES and UPDATE on it to this role'
    from live
    join pg_catalog.pg_constraint c on c.conrelid = live.oid and c.contype = 'f' and c.conparentid = 0
    join pg_catalog.pg_class t on t.oid = c.confrelid
    where not has_any_column_privilege(t.oid, 'REFERENCES')
        or not has_table_privilege(t.oid, 'UPDATE, DELETE, TRUNCATE')
),

-- Constraints that the shadow table can't have, or would have in another state.
constrained as (
    select
        'the check constraint ' || quote_ident(c.conname) || ', which isn''t validated' as obstacle,
        'validate it first (ALTER TABLE ... VALIDATE CONSTRAINT), or drop it' as remedy
    from live join pg_catalog.pg_constraint c on c.conrelid = live.oid
    where c.contype = 'c' and not c.convalidated
    union all
    select
        'the check constraint ' || quote_ident(c.conname) || ', which is NO INHERIT',
        'a partitioned table can''t have it: drop it, or create it without NO INHERIT'
    from live join pg_catalog.pg_constraint c on c.conrelid = live.oid
    where :partition and c.contype = 'c' and c.connoinherit
    union all
    select
        'the foreign key ' || quote_ident(c.conname) || ', which isn''t validated',
        'validate it first (ALTER TABLE ... VALIDATE CONSTRAINT), or drop it'
    from live join pg_catalog.pg_constraint c on c.conrelid = live.oid
    where :partition and c.contype = 'f' and c.conparentid = 0 and not c.convalidated
    union all
    -- Before PostgreSQL 18 the catalog has no such column.
    select
        'the foreign key ' || quote_ident(c.conname) || ' of ' || c.conrelid::regclass || ', which isn''t enforced',
        'the triggers in its place would enforce it: drop it'
    from live join pg_catalog.pg_constraint c on c.confrelid = live.oid
    where :partition and c.contype = 'f' and c.conparentid = 0 and to_jsonb(c) ->> 'conenforced' = 'false'
    union all
    select 'the exclusion constraint ' || quote_ident(c.conname), null
    from live
    join pg_catalog.pg_constraint c on c.conrelid = live.oid
    left join pg_catalog.pg_index x on x.indexrelid = c.conindid
    where c.contype = 'x' or (c.contype in ('p', 'u') and x.indisexclusion)
    union all
    select
        'the foreign key ' || quote_ident(c.conname) || ' of ' || c.conrelid::regclass
            || ', which is more than one column that refers to the key',
        null
    from live
    join pg_catalog.pg_constraint c on c.confrelid = live.oid and c.contype = 'f' and c.conparentid = 0
    where array_length(c.conkey, 1) <> 1
        or c.confdeltype = 'd' or c.confupdtype = 'd'
        or c.conrelid = c.confrelid
        or live.relkind = 'p'
        or not exists (
            select from pg_catalog.pg_index x
            where x.indrelid = live.oid and x.indisprimary and x.indkey[0] = c.confkey[1]
        )
),

-- What partitions have by themselves.
partition_only as (
    select 'the foreign key ' || quote_ident(c.conname) || ' of ' || c.conrelid::regclass
        || ', which refers to the partition ' || leaf.oid::regclass as obstacle
    from leaf
    join pg_catalog.pg_constraint c on c.confrelid = leaf.oid and c.contype = 'f' and c.conparentid = 0
    union all
    select 'the ' || case c.contype when 'f' then 'foreign key ' else 'check constraint ' end || quote_ident(c.conname)
        || ', which only the partition ' || leaf.oid::regclass || ' has'
    from leaf join pg_catalog.pg_constraint c on c.conrelid = leaf.oid
    where (c.contype = 'c' and c.conislocal and c.coninhcount = 0) or (c.contype = 'f' and c.conparentid = 0)
    union all
    select 'the index ' || x.indexrelid::regclass || ', which only the partition ' || leaf.oid::regclass || ' has'
    from leaf join pg_catalog.pg_index x on x.indrelid = leaf.oid
    where x.indisvalid and not exists (select from pg_catalog.pg_inherits i where i.inhrelid = x.indexrelid)
    union all
    select 'the trigger ' || quote_ident(g.tgname) || ', which only the partition ' || leaf.oid::regclass || ' has'
    from leaf join pg_catalog.pg_trigger g on g.tgrelid = leaf.oid
    where not g.tgisinternal and g.tgparentid = 0 and g.tgname not like 'usagekit\_%'
),

-- Triggers that a partitioned table can't have, or that would make its rows move.
trigger_function as (
    select
        g.tgname,
        l.lanname,
        encode(g.tgargs, 'escape') as arguments,
        regexp_replace(regexp_replace(f.prosrc, '-[-][^\n]*', '', 'g'), '/\*.*?\*/', ' ', 'g') as body
    from live
    join pg_catalog.pg_trigger g on g.tgrelid = live.oid
    join pg_catalog.pg_proc f on f.oid = g.tgfoid
    join pg_catalog.pg_language l on l.oid = f.prolang
    where not g.tgisinternal and g.tgenabled <> 'D' and g.tgtype & 7 = 7 -- BEFORE INSERT FOR EACH ROW
),

triggered as (
    select
        'the trigger ' || quote_ident(g.tgname) || ', which has transition tables for each row' as obstacle,
        null as remedy
    from live join pg_catalog.pg_trigger g on g.tgrelid = live.oid
    where not g.tgisinternal and g.tgtype & 1 = 1 and coalesce(g.tgoldtable, g.tgnewtable) is not null
    union all
    select
        'the trigger ' || quote_ident(g.tgname) || ', which may set ' || t.quoted || ' before a row is inserted',
        'PostgreSQL would reject rows that it moves to another partition (0A000): give the column a default, and let the'
            || ' trigger leave NEW.' || quote_ident(t.name) || ' as it is, or drop it'
    from trigger_function g cross join created_at t
    where :partition and case
        when g.lanname = 'plpgsql' then
            g.body ~* ('(^|;|\m(then|begin|else|loop))\s*new\s*(\.\s*"?' || t.pattern || '"?\s*)?:?=')
            or g.body ~* ('\minto\s+(strict\s+)?([\w."]+\s*,\s*)*new\s*(\.\s*"?' || t.pattern || '"?\s*)?([\s,;]|$)')
            or g.body ~* '\mreturn\s+(?![(\s]*(new|old|null|coalesce)\M)'
        when g.lanname in ('c', 'internal') then g.arguments ~ ('(^|\\000)' || t.pattern || '\\000')
        else g.body ~* ('\m' || t.pattern || '\M')
    end
),

-- Other objects that depend on it or on one of its partitions.
dependant as (
    select distinct
        'the ' || case v.relkind when 'm' then 'materialised view ' else 'view ' end || v.oid::regclass as obstacle,
        null as remedy
    from below
    join pg_catalog.pg_depend d
        on d.refclassid = 'pg_class'::regclass and d.refobjid = below.oid and d.classid = 'pg_rewrite'::regclass
    join pg_catalog.pg_rewrite r on r.oid = d.objid
    join pg_catalog.pg_class v on v.oid = r.ev_class
    where v.relkind in ('v', 'm')
    union all
    select distinct
        'the rule ' || quote_ident(r.rulename) || ' of ' || r.ev_class::regclass || ', which reads or writes it', null
    from below
    join pg_catalog.pg_depend d
        on d.refclassid = 'pg_class'::regclass and d.refobjid = below.oid and d.classid = 'pg_rewrite'::regclass
    join pg_catalog.pg_rewrite r on r.oid = d.objid
    join pg_catalog.pg_class v on v.oid = r.ev_class
    where v.relkind not in ('v', 'm') and r.ev_class not in (select b.oid from below b)
    union all
    select 'the rule ' || quote_ident(r.rulename), null
    from below join pg_catalog.pg_rewrite r on r.ev_class = below.oid
    union all
    select distinct
        'the policy ' || quote_ident(p.polname) || ' of ' || p.polrelid::regclass || ', which reads it', null
    from below
    join pg_catalog.pg_depend d
        on d.refclassid = 'pg_class'::regclass and d.refobjid = below.oid and d.classid = 'pg_policy'::regclass
    join pg_catalog.pg_policy p on p.oid = d.objid
    where p.polrelid not in (select b.oid from below b)
    union all
    select distinct 'row level security', null
    from below join pg_catalog.pg_class c on c.oid = below.oid
    where c.relrowsecurity or c.relforcerowsecurity
    union all
    select 'the policy ' || quote_ident(p.polname), null
    from below
    join pg_catalog.pg_class c on c.oid = below.oid
    join pg_catalog.pg_policy p on p.polrelid = below.oid
    where not c.relrowsecurity
    union all
    select distinct
        'the publication ' || quote_ident(p.pubname),
        'take it out first (ALTER PUBLICATION ... DROP TABLE; drop a publication of all tables or of the schema), add it again'
            || ' afterwards, and refresh the subscriptions'
    from below
    join pg_catalog.pg_class c on c.oid = below.oid
    join pg_catalog.pg_namespace n on n.oid = c.relnamespace
    join pg_catalog.pg_publication_tables p on p.schemaname = n.nspname and p.tablename = c.relname
    union all
    select distinct
        'the publication ' || quote_ident(p.pubname),
        'take it out first (ALTER PUBLICATION ... DROP TABLE; drop a publication of all tables or of the schema), add it again'
            || ' afterwards, and refresh the subscriptions'
    from below
    join pg_catalog.pg_publication_rel l on l.prrelid = below.oid
    join pg_catalog.pg_publication p on p.oid = l.prpubid
    where not exists (select from pg_catalog.pg_publication_tables t where t.pubname = p.pubname)
    union all
    select distinct
        'the subscription ' || quote_ident(u.subname) || ', which fills it',
        'the rewritten table would get no rows from it: drop the subscription first'
    from below
    join pg_catalog.pg_subscription_rel l on l.srrelid = below.oid
    join pg_catalog.pg_stat_subscription u on u.subid = l.srsubid -- everybody may read it, unlike pg_subscription
    union all
    select distinct 'its type ' || t.name || ', which is used by ' || pg_describe_object(d.classid, d.objid, d.objsubid), null
    from (
        select y.oid, format_type(y.oid, -1) as name
        from below
        join pg_catalog.pg_class c on c.oid = below.oid
        join pg_catalog.pg_type row_type on row_type.oid = c.reltype
        cross join lateral (values (row_type.oid), (row_type.typarray)) as y (oid)
    ) as t
    join pg_catalog.pg_depend d on d.refclassid = 'pg_type'::regclass and d.refobjid = t.oid and d.deptype = 'n'
    union all
    select distinct pg_describe_object(d.classid, d.objid, 0), null
    from below
    join pg_catalog.pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = below.oid
    left join pg_catalog.pg_attrdef f on d.classid = 'pg_attrdef'::regclass and f.oid = d.objid
    left join pg_catalog.pg_trigger g on d.classid = 'pg_trigger'::regclass and g.oid = d.objid
    left join pg_catalog.pg_constraint c on d.classid = 'pg_constraint'::regclass and c.oid = d.objid
    where case d.classid
        when 'pg_proc'::regclass then true
        when 'pg_attrdef'::regclass then f.adrelid not in (select b.oid from below b)
        when 'pg_trigger'::regclass then not g.tgisinternal and g.tgrelid not in (select b.oid from below b)
        when 'pg_constraint'::regclass then c.contype <> 'f' and c.conrelid not in (select b.oid from below b)
        when 'pg_class'::regclass then d.deptype = 'n' and d.objid not in (select b.oid from below b)
        else false
    end
    union all
    select distinct
        pg_describe_object(u.classid, u.objid, u.objsubid) || ', which uses its identity sequence ' || s.oid::regclass,
        null
    from live
    join pg_catalog.pg_depend d
        on d.refclassid = 'pg_class'::regclass and d.refobjid = live.oid and d.classid = 'pg_class'::regclass
        and d.deptype = 'i'
    join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
    join pg_catalog.pg_depend u on u.refclassid = 'pg_class'::regclass and u.refobjid = s.oid and u.deptype = 'n'
)

select obstacle, remedy from dependant
union
select obstacle, remedy from triggered
union
select obstacle, null from partition_only
union
select obstacle, remedy from constrained
union
select obstacle, remedy from definition
union
select obstacle, remedy from privilege
order by 2 nulls first, 1
