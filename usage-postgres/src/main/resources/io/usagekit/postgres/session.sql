-- Settings of transactions, and locks of installations.

-- name: settings
-- The settings of one transaction whose statements have a snapshot each, right after its isolation. What isn't stated here is inherited from the
-- session, its role, its database or its pool. Without JIT (compiling costs more than it saves here). A policy that would hide rows is an
-- error, since a figure without them would be wrong. Times without a zone are compared with instants in the session's zone, and ids that are
-- bytea are ordered by their text form.
--
-- Parameter: :statement_timeout, in milliseconds. Fragments, each a constant, or a parameter of that name with underscores: {lock-timeout} and
-- {idle-timeout}, in milliseconds, 0 for none; {plan-cache-mode} and {enable-seqscan}, how statements are planned; {no-transaction-timeout}, for the
-- version of the server.
-- Returns one row, which isn't read, of a length that the driver knows: it sends the next statement together with this one.
select (
    set_config('statement_timeout', :statement_timeout, true),
    set_config('lock_timeout', {lock-timeout}, true),
    set_config('idle_in_transaction_session_timeout', {idle-timeout}, true),
    {no-transaction-timeout}
    set_config('row_security', 'off', true),
    set_config('timezone', 'UTC', true),
    set_config('bytea_output', 'hex', true),
    set_config('plan_cache_mode', {plan-cache-mode}, true),
    set_config('enable_seqscan', {enable-seqscan}, true),
    set_config('jit', 'off', true)
) is not null as answer

-- fragment: set-no-transaction-timeout
-- No limit of a whole transaction, which PostgreSQL knows from version 17 on.
set_config('transaction_timeout', '0', true),

-- name: settings-without-snapshot
-- Script: the same for a transaction of one snapshot, which none of these statements takes. {statement_timeout} and so on are as in settings.
set local statement_timeout = {statement_timeout};
set local lock_timeout = {lock_timeout};
set local idle_in_transaction_session_timeout = {idle_timeout};
{no_transaction_timeout}
set local row_security = off;
set local timezone = 'UTC';
set local bytea_output = 'hex';
set local plan_cache_mode = {plan_cache_mode};
set local enable_seqscan = {enable_seqscan};
set local jit = off

-- name: plans
-- Script: how the statements of the rest of the transaction are planned. {plan_cache_mode}; {enable_seqscan}. Takes no snapshot.
set local plan_cache_mode = {plan_cache_mode};
set local enable_seqscan = {enable_seqscan}

-- name: backend
-- The process of the server's that runs this statement.
-- Returns one row: backend.
select pg_backend_pid() as backend

-- name: limits
-- The settings of the session that may end a statement that isn't in a transaction, e.g. while an index is built.
-- Returns: name; value, as it is set.
select name, current_setting(name) as value
from pg_catalog.pg_settings
where name in ('statement_timeout', 'lock_timeout', 'transaction_timeout', 'default_transaction_read_only')
    and setting not in ('0', 'off')
order by name

-- name: try-lock-in-transaction
-- Acquires an advisory lock until the end of the transaction, if no other session holds it.
--
-- Parameters: :name, what the lock is of, such as: installation in "usagekit".
-- Returns one row: answer.
select pg_try_advisory_xact_lock(hashtextextended('usagekit ' || :name, 0)) as answer

-- name: try-lock
-- Acquires an advisory lock for this session, if no session holds it.
--
-- Parameters: :name, as in try-lock-in-transaction.
-- Returns one row: answer.
select pg_try_advisory_lock(hashtextextended('usagekit ' || :name, 0)) as answer

-- name: unlock
-- Releases the advisory lock.
--
-- Parameters: :name, as in try-lock.
-- Returns one row: answer, whether this session held it.
select pg_advisory_unlock(hashtextextended('usagekit ' || :name, 0)) as answer
