-- What keeps a table from being rebuilt, a row each, in words. What depends on a table goes on depending on the old one.
-- Parameters: :table, quoted; :partitions, the schema of our own, quoted.
with recursive below as (
    select to_regclass(:table)::oid as oid
    union all
    select i.inhrelid from below join pg_catalog.pg_inherits i on i.inhparent = below.oid
),

live as (select * from pg_catalog.pg_class where oid = to_regclass(:table))

select distinct 'the ' || case v.relkind when 'm' then 'materialised view ' else 'view ' end || v.oid::regclass as obstacle
from below
join pg_catalog.pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = below.oid and d.classid = 'pg_rewrite'::regclass
join pg_catalog.pg_rewrite r on r.oid = d.objid
join pg_catalog.pg_class v on v.oid = r.ev_class
where v.relkind in ('v', 'm')
union all
select 'the rule ' || quote_ident(r.rulename) from live join pg_catalog.pg_rewrite r on r.ev_class = live.oid
union all
select 'the publication ' || quote_ident(p.pubname)
from below
join pg_catalog.pg_publication_rel l on l.prrelid = below.oid
join pg_catalog.pg_publication p on p.oid = l.prpubid
union all
select 'row level security' from live where relrowsecurity
union all
select 'the policy ' || quote_ident(p.polname)
from live join pg_catalog.pg_policy p on p.polrelid = live.oid
where not live.relrowsecurity
union all
select 'the exclusion constraint ' || quote_ident(c.conname)
from live join pg_catalog.pg_constraint c on c.conrelid = live.oid
where c.contype = 'x'
union all
select 'the table ' || i.inhrelid::regclass || ', which inherits from it'
from live join pg_catalog.pg_inherits i on i.inhparent = live.oid
where live.relkind <> 'p'
union all
select 'what it inherits from ' || i.inhparent::regclass
from live join pg_catalog.pg_inherits i on i.inhrelid = live.oid
union all
select 'its type ' || t.typtype_of || ', which is used by ' || pg_describe_object(d.classid, d.objid, d.objsubid)
from (
    select y.oid, format_type(y.oid, -1) as typtype_of
    from live join pg_catalog.pg_type y on y.oid = live.reltype or y.oid = (
        select typarray from pg_catalog.pg_type where oid = live.reltype
    )
) as t
join pg_catalog.pg_depend d on d.refclassid = 'pg_type'::regclass and d.refobjid = t.oid and d.deptype = 'n'
union all
select pg_describe_object(d.classid, d.objid, d.objsubid)
from live
join pg_catalog.pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = live.oid
where d.classid = 'pg_proc'::regclass
union all
select 'the trigger ' || quote_ident(g.tgname) || ', which has transition tables for each row'
from live join pg_catalog.pg_trigger g on g.tgrelid = live.oid
where not g.tgisinternal and g.tgtype & 1 = 1 and coalesce(g.tgoldtable, g.tgnewtable) is not null
union all
select 'the foreign key ' || quote_ident(c.conname) || ' of ' || c.conrelid::regclass
    || ', which is more than one column that refers to the key'
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
