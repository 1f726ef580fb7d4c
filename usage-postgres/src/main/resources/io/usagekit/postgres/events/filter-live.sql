-- Part of a filter: events e that aren't deleted.
    and e.deleted_at is null
