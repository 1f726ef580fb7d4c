-- Makes a batch of a project's events unfindable by text.
--
-- Parameters: :project_id; :from and :before, the window [from, before); :most, how many events at most.
delete from {events_search}
where event_id in (
    select s.event_id
    from {events_search} s
    where s.project_id = :project_id and s.event_created_at >= :from and s.event_created_at < :before
    limit :most
)
