-- The statements that create a table's triggers anew under its name, and enable them as they are; but for those of the rebuild.
-- Parameters: :table, :partitions (the schema of our own), quoted.
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
