-- Part of a filter: events e created at an instant or later.
    and e.created_at >= :from
