-- Part of a filter: events e with an idempotency key; the empty text: without one.
    and e.idempotency_key = :idempotency_key
