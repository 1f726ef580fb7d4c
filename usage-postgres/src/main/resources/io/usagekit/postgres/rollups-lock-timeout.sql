-- How long this transaction waits for a lock. Parameter: :millis.
select set_config('lock_timeout', :millis, true)
