-- Reads the figure or else acquires the lease; concatenated after state.lua.
-- KEYS[1]  the entry
-- KEYS[2]  its lock
-- KEYS[3]  its fences
-- KEYS[4]  the organisation's index, if this server has it: with the lease the period is added
-- ARGV[1]  the token of the requesting load
-- ARGV[2]  the lease in milliseconds
-- ARGV[3]  the acceptable age in milliseconds: a younger figure is returned
-- ARGV[4]  the awaited fence, or empty: a figure stored under that fence or a later one is returned at any age
-- ARGV[5]  the time to keep the fences from now on, in milliseconds
-- ARGV[6]  until when the requesting load waits for the answer, by this server's clock in microseconds; 0 if unknown
-- ARGV[7]  the period
-- ARGV[8]  the time to keep the period in the index, in milliseconds
-- ARGV[9]  what the names of the organisation's entries begin with, for the error
-- Returns {'found', value, PTTL in milliseconds}, {'failed', fence, PTTL, reason}, {'held', fence, PTTL},
-- {'acquired', fence, this server's clock in microseconds}, or if the load doesn't wait any more {'late', this server's clock};
-- an error if another type is in the index's place.
local value, left, age = figure(KEYS[1])
local known = fences(KEYS[3])
local awaited = tonumber(ARGV[4])
if value and (age < tonumber(ARGV[3]) or (awaited and known.published and known.published >= awaited)) then
    return {'found', value, left}
end

local found = flight(KEYS[2])
-- A lock that lasts longer than any lease (set by hand, say) would keep all processes from computing for that long.
local longest = math.max(LONGEST_LEASE, tonumber(ARGV[2]))
if found.left and found.left > longest then
    redis.call('PEXPIRE', KEYS[2], integer(longest))
    found.left = longest
end
if found.kind == 'failed' then
    return {'failed', found.fence, found.left, found.detail}
end
if found.kind == 'held' and found.detail ~= ARGV[1] then
    return {'held', found.fence, found.left}
end

-- A request that waited in a hanging server would leave a lease that no load knows of.
local clock = microseconds()
if clock > tonumber(ARGV[6]) then
    return {'late', clock}
end

-- A load that calls again, because the answer was lost, already holds the lease: it keeps its fence.
local fence = found.fence
if not fence or fence ~= known.issued then
    fence = next_fence(known.issued)
end
-- When memory is full, Redis refuses a script at its first write, and no later one.
local wrong = KEYS[4] and add_period(KEYS[4], ARGV[7], ARGV[8], ARGV[9])
if wrong then
    return wrong
end
redis.call('SET', KEYS[2], 'held ' .. integer(fence) .. ' ' .. ARGV[1], 'PX', ARGV[2])
if not known.issued then
    redis.call('DEL', KEYS[3])
end
redis.call('HSET', KEYS[3], 'issued', integer(fence))
keep(KEYS[3], tonumber(ARGV[5]))
return {'acquired', fence, clock}
