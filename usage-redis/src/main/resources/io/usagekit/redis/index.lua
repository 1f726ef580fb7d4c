-- Adds a period that has an entry, or will have one, to its organisation's index; concatenated after state.lua.
-- KEYS[1]  the organisation's index: a sorted set of periods, scored by the time of their removal in milliseconds since 1970
-- ARGV[1]  the period
-- ARGV[2]  the time to keep the period from now on, in milliseconds
-- ARGV[3]  what the names of the organisation's entries begin with, for the error
-- Returns {this server's clock in milliseconds since 1970}; an error if another type is in the index's place: the periods that it held may still have entries.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local wrong = wrong_index(KEYS[1], ARGV[3])
if wrong then
    return wrong
end
local before = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0)
redis.call('ZADD', KEYS[1], integer(math.max(before, now + tonumber(ARGV[2]))), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', integer(now))
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIRE', KEYS[1], integer(tonumber(last[2]) - now))
return {now}
