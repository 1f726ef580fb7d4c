-- Removes the figure, the lease and a failure, and makes publications of loads in flight fail; concatenated after state.lua.
-- KEYS[1]  the entry
-- KEYS[2]  its lock
-- KEYS[3]  its fences
-- ARGV[1]  the channel of wake-ups
-- ARGV[2]  the shard's channel of wake-ups, or empty: see wake()
-- Returns {a list: see wake()}.

-- The deletion goes first: when memory is full, Redis refuses a script at its first write if that needs memory, and no later one.
redis.call('DEL', KEYS[1], KEYS[2])
local issued = fences(KEYS[3]).issued
if issued then
    local unused = integer(next_fence(issued))
    redis.call('HSET', KEYS[3], 'issued', unused, 'invalidated', unused)
    redis.call('HDEL', KEYS[3], 'published')
end
return wake(ARGV[1], ARGV[2], KEYS[1], {})
