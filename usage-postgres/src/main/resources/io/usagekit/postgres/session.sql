-- Settings of transactions, and locks of installations.

-- name: transaction-settings
-- Settings of one transaction. The figure's statement is planned for its own organisation and window each time
-- (a generic plan suits neither the largest nor the smallest), and without JIT (compiling costs more than it saves here).
--
-- Parameters: :statement_timeout, in milliseconds, as text.
-- Returns one row that isn't read.
select
    set_config('statement_timeout', :statement_timeout, true),
    set_config('plan_cache_mode', 'force_custom_plan', true),
    set_config('jit', 'off', true)

-- name: limit
-- Limits something for the rest of a transaction.
--
-- Parameters: :setting, the name of a timeout; :value, in milliseconds, as text.
-- Returns one row that isn't read.
select set_config(:setting, :value, true)

-- name: lock-tables
-- Locks the creation of the library's own tables for the rest of a transaction: "if not exists" doesn't keep two sessions from
-- creating the same table at once.
--
-- Returns one row that isn't read.
select pg_advisory_xact_lock(hashtextextended('usagekit tables', 0))

-- name: try-lock-indexes
-- Takes the lock of index builds for this session, if no other session holds it.
--
-- Returns one row: answer.
select pg_try_advisory_lock(hashtextextended('usagekit indexes', 0)) as answer

-- name: unlock-indexes
-- Releases the lock of index builds.
--
-- Returns one row: answer.
select pg_advisory_unlock(hashtextextended('usagekit indexes', 0)) as answer
