-- A value and how long it still has to live, read together: a value that is replaced between two reads would get the wrong age.
-- KEYS[1]  the entry
-- Returns {value or nil, PTTL in milliseconds: -1 without a limit, -2 if there is no such key}.
return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}
