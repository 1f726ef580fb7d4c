-- The statements that give a table the privileges of another one, and no more. Parameters: :table, :shadow, quoted.
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
