-- Keeps others from recording events with the same idempotency keys until this transaction ends. What is locked is which of 64
-- stripes of its project a key lies in: a batch of any size takes no more locks than PostgreSQL has room for by default. In
-- one order, so that two batches don't wait for each other.
--
-- Parameters: :project_ids and :idempotency_keys, text[] of equal length.
-- Returns a row for each stripe: locked, an empty text.
select pg_advisory_xact_lock(s.stripe)::text as locked
from (
    select distinct
        hashtextextended('usagekit keys ' || k.project_id, 0) # (hashtext(k.idempotency_key) & 63)::bigint as stripe
    from unnest(:project_ids::text[], :idempotency_keys::text[]) as k (project_id, idempotency_key)
    order by stripe
) s
