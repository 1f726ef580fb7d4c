-- Part of a filter: events e created before an instant.
    and e.created_at < :before
