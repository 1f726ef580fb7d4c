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

-- name: try-lock-installation
-- Acquires the advisory lock of installations into a schema for this session, if no other session holds it.
--
-- Parameters: :schema, that of the tables, quoted.
-- Returns one row: answer.
select pg_try_advisory_lock(hashtextextended('usagekit installation in ' || :schema, 0)) as answer

-- name: unlock-installation
-- Releases the advisory lock.
--
-- Parameters: :schema, as in try-lock-installation.
-- Returns one row: answer.
select pg_advisory_unlock(hashtextextended('usagekit installation in ' || :schema, 0)) as answer
