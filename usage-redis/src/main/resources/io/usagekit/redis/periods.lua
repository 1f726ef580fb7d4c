-- Lists the periods that may have an entry of an organisation; concatenated after state.lua.
-- KEYS[1]  the organisation's index
-- ARGV[1]  what the names of the organisation's entries begin with, for the error
-- Returns the periods; an error if another type is in the index's place: which periods have an entry isn't known then.
return wrong_index(KEYS[1], ARGV[1]) or redis.call('ZRANGE', KEYS[1], 0, -1)
