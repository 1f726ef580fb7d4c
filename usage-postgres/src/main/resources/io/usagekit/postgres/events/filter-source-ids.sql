-- Part of a filter: events e from one of the sources :source_ids, text[].
    and e.source_id = any (:source_ids::text[])
