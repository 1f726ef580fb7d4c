-- Releases the lease, if this token still holds it; concatenated after state.lua.
-- KEYS[1]  the lock
-- ARGV[1]  the token
-- ARGV[2]  the channel of wake-ups
-- ARGV[3]  the shard's channel of wake-ups, or empty: see wake()
-- ARGV[4]  the entry's key, which is the message
-- Returns {1, a list: see wake()} if the token held the lease, else {0}.
if not is_held_by(KEYS[1], ARGV[1]) then
    return {0}
end
redis.call('DEL', KEYS[1])
return wake(ARGV[2], ARGV[3], ARGV[4], {1})
