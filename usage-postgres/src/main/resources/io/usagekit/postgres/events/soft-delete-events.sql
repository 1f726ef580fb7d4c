-- Soft-deletes a batch of a project's live events.
--
-- Parameters: :project_id; :now, when they are deleted; :most, how many at most; those of the filter's parts.
update {events}
set deleted_at = :now
where deleted_at is null
    and id in (
        select e.id
        from {events} e
        where e.project_id = :project_id
            {filter}
        order by e.created_at, e.id collate "C"
        limit :most
    )
