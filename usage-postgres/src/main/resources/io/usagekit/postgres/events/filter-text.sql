-- Part of a filter: events e with all the words of a text, by the copy that is searched. The words are parted as those of the copy
-- are, see tokenise-events.sql.
    and e.id in (
        select s.event_id
        from {events_search} s
        where s.project_id = :project_id
            and s.words @@ plainto_tsquery('simple', regexp_replace(:text, '[ -/:-@[-`{-~]+', ' ', 'g'))
    )
