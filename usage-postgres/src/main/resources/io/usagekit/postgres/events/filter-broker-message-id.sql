-- Part of a filter: events e with a broker's message id among their headers; the empty text: without one.
    and coalesce(e.headers ->> 'x-broker-message-id', '') = :broker_message_id
