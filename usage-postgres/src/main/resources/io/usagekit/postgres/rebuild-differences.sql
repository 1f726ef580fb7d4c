-- What the copy lacks or has too much of, since the table was altered while it was rebuilt; a row each, in words.
-- Parameters: :table, :shadow, quoted.
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
