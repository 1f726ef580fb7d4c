-- Adds a period that has an entry, or will have one, to its organisation's index; concatenated after state.lua.
-- KEYS[1]  the organisation's index: a sorted set of periods, scored by the time of their removal in milliseconds since 1970
-- ARGV[1]  the period
-- ARGV[2]  the longest time the entry may live from now on, in milliseconds
-- Returns {}.
local MARGIN = 60000 -- the entry is written a little later

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'zset' and kind ~= 'none' then
    redis.call('DEL', KEYS[1])
end
local before = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0)
redis.call('ZADD', KEYS[1], integer(math.max(before, now + tonumber(ARGV[2]) + MARGIN)), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', integer(now))
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIRE', KEYS[1], integer(tonumber(last[2]) - now))
return {}
