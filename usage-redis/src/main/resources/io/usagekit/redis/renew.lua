-- Makes the lease last from now on, if it is still this token's; state.lua stands before it.
-- KEYS[1]  the lock
-- KEYS[2]  the fences
-- ARGV[1]  the token
-- ARGV[2]  the lease in milliseconds
-- ARGV[3]  how long fences are remembered from now on, in milliseconds
-- Returns {1} if it was, else {0}.
if not is_held_by(KEYS[1], ARGV[1]) then
    return {0}
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
keep(KEYS[2], tonumber(ARGV[3]))
return {1}
