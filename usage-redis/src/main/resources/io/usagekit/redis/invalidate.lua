-- Forgets the figure, the lease and a failure, so that whoever computes can't publish; state.lua stands before it.
-- KEYS[1]  the entry
-- KEYS[2]  its lock
-- KEYS[3]  its fences
-- ARGV[1]  the channel of wake-ups
-- Returns {}.

-- This goes first: where memory is full a first write that needs some is refused, and no later one.
redis.call('DEL', KEYS[1], KEYS[2])
local issued = fences(KEYS[3]).issued
if issued then
    local nobodys = integer(next_fence(issued))
    redis.call('HSET', KEYS[3], 'issued', nobodys, 'invalidated', nobodys)
    redis.call('HDEL', KEYS[3], 'published')
end
redis.call('PUBLISH', ARGV[1], KEYS[1])
return {}
