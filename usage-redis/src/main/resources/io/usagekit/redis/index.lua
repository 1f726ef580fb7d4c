-- Adds a period that has an entry, or will have one, to its organisation's index; concatenated after state.lua.
-- KEYS[1]  the organisation's index
-- ARGV[1]  the period
-- ARGV[2]  the time to keep the period from now on, in milliseconds
-- ARGV[3]  what the names of the organisation's entries begin with, for the error
-- Returns {this server's clock in milliseconds since 1970}; an error if another type is in the index's place.
return add_period(KEYS[1], ARGV[1], ARGV[2], ARGV[3]) or {math.floor(microseconds() / 1000)}
