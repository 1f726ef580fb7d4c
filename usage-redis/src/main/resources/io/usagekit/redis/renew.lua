-- Renews the lease, if this token still holds it; concatenated after state.lua.
-- KEYS[1]  the lock
-- KEYS[2]  the fences
-- KEYS[3]  the organisation's index, if this server has it: the period is kept there as well
-- ARGV[1]  the token
-- ARGV[2]  the length of the lease from now on, in milliseconds
-- ARGV[3]  the time to keep the fences from now on, in milliseconds
-- ARGV[4]  the period
-- ARGV[5]  the time to keep the period in the index, in milliseconds
-- ARGV[6]  what the names of the organisation's entries begin with, for the error
-- Returns {1} if the token held the lease, else {0}; an error if another type is in the index's place.
if not is_held_by(KEYS[1], ARGV[1]) then
    return {0}
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
keep(KEYS[2], tonumber(ARGV[3]))
return KEYS[3] and add_period(KEYS[3], ARGV[4], ARGV[5], ARGV[6]) or {1}
