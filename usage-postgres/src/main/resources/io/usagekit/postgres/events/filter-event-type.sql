-- Part of a filter: events e of a type; the empty text: of none.
    and e.event_type = :event_type
