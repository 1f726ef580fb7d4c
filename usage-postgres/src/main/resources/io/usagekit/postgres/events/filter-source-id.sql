-- Part of a filter: events e from a source. Apart from several of them, since only these come in order from their index.
    and e.source_id = :source_id
