-- Part of a filter: events e in a status; the empty text: in none.
    and e.status = :status
