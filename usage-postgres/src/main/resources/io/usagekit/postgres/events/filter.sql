-- Fragments of statements over the events e of a project: the conditions of a filter, the keyset condition of a page, and the
-- columns of an event. Conditions stand in a statement only where the filter sets them, so that each may use its own index.

-- fragment: filter-live
-- Events that aren't deleted.
    and e.deleted_at is null

-- fragment: filter-from
-- Rows created at an instant or later.
--
-- Parameters: :from.
    and created_at >= :from

-- fragment: filter-before
-- Rows created before an instant.
--
-- Parameters: :before.
    and created_at < :before

-- fragment: filter-endpoint-ids
-- Events to be delivered to at least one of these endpoints.
--
-- Parameters: :endpoint_ids, text[]; :project_id, the statement's.
    and (e.id, e.created_at) in (
        select n.event_id, n.created_at
        from {events_endpoints} n
        where n.project_id = :project_id and n.endpoint_id = any (:endpoint_ids::text[])
    )

-- fragment: filter-source-id
-- Events from one source. Apart from several sources, since only the events of one come in order from their index.
--
-- Parameters: :source_id; the empty text: events without a source.
    and e.source_id = :source_id

-- fragment: filter-source-ids
-- Events from one of these sources.
--
-- Parameters: :source_ids, text[].
    and e.source_id = any (:source_ids::text[])

-- fragment: filter-idempotency-key
-- Events with an idempotency key.
--
-- Parameters: :idempotency_key; the empty text: events without one.
    and e.idempotency_key = :idempotency_key

-- fragment: filter-broker-message-id
-- Events with a broker's message id among their headers, as the header's only value or the first of several.
--
-- Parameters: :broker_message_id; the empty text: events without one.
    and coalesce(e.headers -> 'x-broker-message-id' ->> 0, e.headers ->> 'x-broker-message-id', '') = :broker_message_id

-- fragment: filter-event-type
-- Events of a type.
--
-- Parameters: :event_type; the empty text: events without a type.
    and e.event_type = :event_type

-- fragment: filter-status
-- Events in a status.
--
-- Parameters: :status; the empty text: events without a status.
    and e.status = :status

-- fragment: has-endpoint
-- Whether an event e is to be delivered to at least one of these endpoints, looked up for each event by its id: the conditions within "is true" take no
-- index.
--
-- Parameters: :endpoint_ids, text[].
exists (
    select
    from {events_endpoints} n
    where n.event_id = e.id
        and (
            n.project_id = e.project_id
            and n.created_at = e.created_at
            and n.endpoint_id = any (:endpoint_ids::text[])
        ) is true
    offset 0
)

-- fragment: filter-each-endpoint-ids
-- Events to be delivered to at least one of these endpoints, looked up for each event.
--
-- Parameters: :endpoint_ids, text[].
    and {has-endpoint}

-- fragment: query-of-lines
-- What each line of l.lines asks for, as WordQuery writes them: after "&" words in any order, after "!" the absence of a phrase, or else one of the
-- phrases between "|". Null, which no event meets, if PostgreSQL's parser finds no words in a line without "!".
select
    case
        when bool_and(c.operator = '!' or c.query is not null)
            then string_agg(case c.operator when '!' then '!(' else '(' end || c.query || ')', ' & ')::tsquery
    end
from (
    select
        left(line, 1) as operator,
        (
            select string_agg('(' || p.query || ')', ' | ')
            from unnest(string_to_array(line, '|')) phrase
            cross join lateral (
                select
                    case left(line, 1)
                        when '&' then plainto_tsquery('simple', phrase)
                        else phraseto_tsquery('simple', phrase)
                    end::text
            ) as p (query)
            where p.query <> ''
        ) as query
    from unnest(string_to_array(substr(l.lines, 2), E'\n')) line
) c

-- fragment: words-of-text
-- What WordQuery looks for, but for the order of words in phrases: the words of a text, split as tokenise-events splits payloads; or of lines, after a
-- line feed each, without those that exclude a phrase of several words, or of a word that PostgreSQL's parser may split: one with other characters than
-- those of ASCII, or that begins as a number with an exponent, as 1e5a does.
--
-- Parameters: :text.
case
    when left(:text, 1) <> E'\n' then plainto_tsquery('simple', regexp_replace(:text, '[ -/:-@[-`{-~]+', ' ', 'g'))
    else (
        select ({query-of-lines})
        from (
            select
                regexp_replace(
                    regexp_replace(:text, E'\n![^\n]*([^\n!-~]|[0-9][eE][0-9])[^\n]*', '', 'g'),
                    E'\n([^&!])',
                    E'\n&\\1',
                    'g'
                )
        ) as l (lines)
    )
end

-- fragment: has-phrases-in-text
-- Whether the text of the event of the words s has the phrases that are looked for: the words of both, a blank before and after each. Tokens of type 12
-- are blanks, and PostgreSQL has no words of 2,047 octets or more in its indexes.
--
-- Parameters: :text.
not exists (
    select
    from (
        select ' ' || string_agg((ts_lexize('simple', t.token))[1], ' ' order by t.n) || ' ' as words
        from {events} e
        cross join lateral ts_parse(
            'default',
            regexp_replace(e.event_type || ' ' || left(e.raw, 100000), '[ -/:-@[-`{-~]+', ' ', 'g')
        ) with ordinality as t (type, token, n)
        where e.id = s.event_id
            and e.created_at = s.event_created_at
            and (e.project_id = s.project_id) is true
            and t.type <> 12
            and octet_length(t.token) < 2047
    ) e
    cross join unnest(string_to_array(substr(:text, 2), E'\n')) line
    where left(line, 1) <> '&'
        and (left(line, 1) = '!') = exists (
            select
            from unnest(string_to_array(line, '|')) phrase
            cross join lateral (
                select ' ' || string_agg((ts_lexize('simple', t.token))[1], ' ' order by t.n) || ' '
                from ts_parse('default', phrase) with ordinality as t (type, token, n)
                where t.type <> 12
            ) as p (words)
            where strpos(e.words, p.words) > 0
        )
)

-- fragment: has-phrases
-- Whether the words s of an event, which are those of words-of-text, are in the order of the phrases that are looked for. PostgreSQL keeps 255 places of
-- a word at most, and none after the 16,383rd one: where it may lack any, the text of the event decides. Reads are planned for their values: where no
-- phrase is looked for, plans have none of this.
--
-- Parameters: :text.
case
    when :text !~ E'\n(|[^&\n][^\n]*)([^\n!-~]|[0-9][eE][0-9])' then true
    when not exists (
        select
        from unnest(s.words) w
        where w.lexeme = any (
                tsvector_to_array(to_tsvector('simple', regexp_replace(:text, '[ -/:-@[-`{-~]+', ' ', 'g')))
            )
            and (cardinality(w.positions) >= 255 or w.positions[cardinality(w.positions)] >= 16383)
    )
        then s.words @@ (select ({query-of-lines}) from (select :text) as l (lines))
    else {has-phrases-in-text}
end

-- fragment: filter-text
-- Events that contain the words that are looked for, by the search index.
--
-- Parameters: :text; :project_id, the statement's.
    and (e.id, e.created_at) in (
        select s.event_id, s.event_created_at
        from {events_search} s
        where s.project_id = :project_id
            and {search.blocks} @> array[hashtextextended(:project_id, {search.all-time})]
            and s.words @@ {words-of-text}
            and {has-phrases}
    )

-- fragment: has-words
-- Whether an event e contains the words that are looked for, looked up for each event as in has-endpoint.
--
-- Parameters: :text.
exists (
    select
    from {events_search} s
    where s.event_id = e.id
        and (
            s.project_id = e.project_id
            and s.event_created_at = e.created_at
            and s.words @@ {words-of-text}
            and {has-phrases}
        ) is true
    offset 0
)

-- fragment: filter-each-text
-- Events that contain the words that are looked for, looked up for each event.
--
-- Parameters: :text.
    and {has-words}

-- fragment: is-of-project
-- Whether a row that is looked up by id and time is of a project. Within "is true", by which no index is used: without statistics one by project and time
-- looks as good to PostgreSQL as the primary key, and has all rows of a time.
--
-- Parameters: :project_id.
(project_id = :project_id) is true

-- fragment: keyset-condition
-- Keyset condition: rows after the cursor in scan direction, of which {comparison} is > or <.
--
-- Parameters: :boundary_at and :boundary_id, the place of the last row before.
    and (created_at, id collate "C") {comparison} (:boundary_at, :boundary_id)

-- fragment: event-octets
-- The octets of an event e, of its payload and all of its texts. Not more than Event.octets() counts, which otherwise finds a page too short to be followed by
-- another one. Values that are stored out of line stay there, except headers. An array of texts has the values of a header.
octet_length(e.id)
    + octet_length(e.project_id)
    + octet_length(e.event_type)
    + e.payload_bytes
    + octet_length(e.source_id)
    + octet_length(e.idempotency_key)
    + octet_length(e.status)
    + coalesce(
        (
            select
                sum(
                    octet_length(h.key)
                        + coalesce(
                            case
                                when jsonb_typeof(h.value) = 'array'
                                    and h.value <> '[]'
                                    and not jsonb_path_exists(h.value, 'strict $[*] ? (@.type() <> "string")')
                                    then (select sum(octet_length(v.value)) from jsonb_array_elements_text(h.value) v)
                                else octet_length(h.value #>> '{}')
                            end,
                            0
                        )
                )
            from jsonb_each(case when jsonb_typeof(e.headers) = 'object' then e.headers else '{}' end) h
        ),
        0
    )
    + octet_length(e.url_path)
    + octet_length(e.url_query_params)
    + octet_length(e.metadata)

-- fragment: event-columns
-- The columns of an event e.
    e.id,
    e.project_id,
    e.event_type,
    e.raw,
    e.data,
    e.payload_bytes,
    e.source_id,
    e.idempotency_key,
    e.is_duplicate,
    e.status,
    e.headers::text as headers,
    e.created_at,
    e.deleted_at,
    e.acknowledged_at,
    e.updated_at,
    e.url_path,
    e.url_query_params,
    e.metadata
