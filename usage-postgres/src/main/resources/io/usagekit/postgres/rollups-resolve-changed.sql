-- Turns at most :events changed events into marks of their deliveries' hours, in one snapshot. Deliveries that it doesn't see
-- are rolled by a later one, which sees the change, or are marked themselves.
-- Returns how many changed events it took.
with taken as materialized (
    delete from {rollups}.changed_event
    where ctid in (select ctid from {rollups}.changed_event limit :events)
    returning event_id
),

marked as (
    insert into {rollups}.mark (project_id, bucket)
    select distinct d.project_id, date_trunc('hour', d.created_at, 'UTC')
    from {rollups}.state, (select distinct event_id from taken) as changed
    cross join lateral ({changed.deliveries}) as d
    where d.project_id is not null and d.created_at < state.covered_before
)

select count(*) as events from taken
