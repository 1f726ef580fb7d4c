-- Reads a value and its remaining time to live in one step: a value replaced between two reads would get a wrong age.
-- KEYS[1]  the entry
-- Returns {value, or nil if it is missing or no string, PTTL in milliseconds: -1 without expiry, -2 if the key is missing}.
local value = redis.pcall('GET', KEYS[1])
if type(value) == 'table' then
    if string.sub(value.err, 1, 9) ~= 'WRONGTYPE' then
        return value
    end
    value = false
end
return {value, redis.call('PTTL', KEYS[1])}
