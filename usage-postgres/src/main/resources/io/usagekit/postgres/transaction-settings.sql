-- Settings of one computation's transaction. The figure's statement is planned for its own organisation and window each time
-- (a generic plan suits neither the largest nor the tiniest), and without JIT (compiling costs more than it saves here).
select
    set_config('statement_timeout', :statement_timeout, true),
    set_config('plan_cache_mode', 'force_custom_plan', true),
    set_config('jit', 'off', true)
