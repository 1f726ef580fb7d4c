-- The first statement of a step: whoever empties or drops a table comes before it or after it, and waits for nothing that
-- waits for it. It takes no snapshot yet.
lock table {events}, {deliveries} in access share mode
