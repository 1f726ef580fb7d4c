-- Deletes an unreadable entry, unless it has been replaced.
-- KEYS[1]  the entry
-- ARGV[1]  the value that was read
-- Returns {}.
if redis.call('TYPE', KEYS[1]).ok == 'string' and redis.call('GET', KEYS[1]) == ARGV[1] then
    redis.call('DEL', KEYS[1])
end
return {}
