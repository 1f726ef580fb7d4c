-- Renews the lease, if this token still holds it; concatenated after state.lua.
-- KEYS[1]  the lock
-- KEYS[2]  the fences
-- ARGV[1]  the token
-- ARGV[2]  the length of the lease from now on, in milliseconds
-- ARGV[3]  the time to keep the fences from now on, in milliseconds
-- Returns {1} if the token held the lease, else {0}.
if not is_held_by(KEYS[1], ARGV[1]) then
    return {0}
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
keep(KEYS[2], tonumber(ARGV[3]))
return {1}
