-- Settings of transactions, and locks of installations.

-- name: transaction-settings
-- Script: the settings of one transaction, as its first statements; none of them takes a snapshot. What isn't stated here is inherited
-- from the session, its role, its database or its pool. {isolation}; {access}, read only or read write; {statement_timeout},
-- {lock_timeout} and {idle_timeout}, in milliseconds, 0 for none; {transaction_timeout}, the statement that sets it to none, empty before
-- PostgreSQL 17. {plans}, how statements are planned, one of those below; without JIT (compiling costs more than it saves here). A policy
-- that would hide rows is an error, since a figure without them would be wrong. Times without a zone are compared with instants in the
-- session's zone, and ids that are bytea are ordered by their text form.
set transaction isolation level {isolation}, {access};
set local statement_timeout = {statement_timeout};
set local lock_timeout = {lock_timeout};
set local idle_in_transaction_session_timeout = {idle_timeout};
{transaction_timeout}
set local row_security = off;
set local timezone = 'UTC';
set local bytea_output = 'hex';
{plans};
set local jit = off

-- name: plans-for-values
-- Script: each statement is planned for its own values, e.g. for its organisation and window: a plan for any values suits neither the largest
-- nor the smallest. Tables may be read whole again.
set local plan_cache_mode = force_custom_plan;
set local enable_seqscan to default

-- name: plans-for-values-of-nameless
-- Script: the same for statements that have no names, which are planned each time. What they run in turn isn't: PostgreSQL's checks of foreign
-- keys and the statements of triggers, which run for each row, are planned a few times in a session.
set local plan_cache_mode = auto;
set local enable_seqscan to default

-- name: plans-once
-- Script: a statement that has a name is planned once in a session, for any values, and by indexes: tables may be empty when it's planned.
set local plan_cache_mode = force_generic_plan;
set local enable_seqscan = off

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
