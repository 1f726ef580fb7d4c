-- At most :buckets marked hours. Those among them that are not rolled
-- yet have nothing to be rolled anew; their marks go all the same.
-- Returns how many there are.
with marked as (
    select distinct project_id, bucket
    from {rollups}.mark
    order by project_id, bucket
    limit :buckets
),

inserted as (
    insert into {rollups}.span (project_id, lower, upper)
    select project_id, bucket, bucket + interval '1 hour'
    from marked
)

select count(*) as buckets from marked
