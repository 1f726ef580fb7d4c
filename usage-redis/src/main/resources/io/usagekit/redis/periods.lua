-- Lists the periods that may have an entry of an organisation.
-- KEYS[1]  the organisation's index
-- Returns the periods.
if redis.call('TYPE', KEYS[1]).ok ~= 'zset' then
    return {}
end
return redis.call('ZRANGE', KEYS[1], 0, -1)
