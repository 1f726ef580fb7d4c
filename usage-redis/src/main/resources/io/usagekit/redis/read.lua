-- A value and how long it still has to live, read together: a value that is replaced between two reads would get the wrong age.
-- KEYS[1]  the entry
-- Returns {value, or nil if there is none or it is no string, PTTL in milliseconds: -1 without a limit, -2 if there is no such key}.
local value = redis.pcall('GET', KEYS[1])
if type(value) == 'table' then
    if string.sub(value.err, 1, 9) ~= 'WRONGTYPE' then
        return value
    end
    value = false
end
return {value, redis.call('PTTL', KEYS[1])}
