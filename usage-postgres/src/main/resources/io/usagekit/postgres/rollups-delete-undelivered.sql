-- Of the events that rollups-delete-events.sql will look at: deletes their deliveries that count nowhere and were created before
-- :before. Parameters as there.
delete from {deliveries} d
using ({old.events}) as c
where d.{delivery.event_id} = c.id
    and d.{delivery.created_at} < :before
    and (d.{delivery.status} in ({delivered_statuses})) is not true
