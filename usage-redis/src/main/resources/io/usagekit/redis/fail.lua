-- Replaces the lease by a failure with a back-off, if this token still holds it; concatenated after state.lua.
-- KEYS[1]  the lock
-- ARGV[1]  the token
-- ARGV[2]  the channel of wake-ups
-- ARGV[3]  the shard's channel of wake-ups, or empty: see wake()
-- ARGV[4]  the entry's key, which is the message
-- ARGV[5]  the reason
-- ARGV[6]  the back-off in milliseconds
-- Returns {1, a list: see wake()} if the token held the lease, else {0}.
if not is_held_by(KEYS[1], ARGV[1]) then
    return {0}
end
local fence = flight(KEYS[1]).fence
redis.call('SET', KEYS[1], 'failed ' .. integer(fence) .. ' ' .. ARGV[5], 'PX', ARGV[6])
return wake(ARGV[2], ARGV[3], ARGV[4], {1})
