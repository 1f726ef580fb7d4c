-- Reads several values, each with its remaining time to live, in one step. All keys are on one node.
-- KEYS  the entries
-- Returns for each entry, in this order: its value, or nil if it is missing or no string; PTTL in milliseconds: -1 without expiry,
-- -2 if the key is missing.
local answer = {}
for i, entry in ipairs(KEYS) do
    local value = redis.pcall('GET', entry)
    if type(value) == 'table' then
        if string.sub(value.err, 1, 9) ~= 'WRONGTYPE' then
            return value
        end
        value = false
    end
    answer[2 * i - 1] = value
    answer[2 * i] = redis.call('PTTL', entry)
end
return answer
