-- Reads the figure or acquires the lease; state.lua stands before it.
-- KEYS[1]  the entry
-- KEYS[2]  its lock
-- KEYS[3]  its fences
-- ARGV[1]  the token
-- ARGV[2]  the lease in milliseconds
-- ARGV[3]  the acceptable age in milliseconds: a figure younger than that is found
-- ARGV[4]  the fence that was followed: a figure stored under that or a later one is found; or empty
-- ARGV[5]  how long fences are remembered from now on, in milliseconds
-- Returns {'found', value, PTTL in milliseconds}, {'failed', fence, PTTL, reason}, {'held', fence, PTTL} or {'granted', fence}.
local value, left, age = figure(KEYS[1])
local known = fences(KEYS[3])
local followed = tonumber(ARGV[4])
if value and (age < tonumber(ARGV[3]) or (followed and known.published and known.published >= followed)) then
    return {'found', value, left}
end

local found = flight(KEYS[2])
if found.kind == 'failed' then
    return {'failed', found.fence, found.left, found.detail}
end
if found.kind == 'held' and found.detail ~= ARGV[1] then
    return {'held', found.fence, found.left}
end

-- Who asks again, since the answer was lost, has the lease already.
local fence = found.fence
if not fence or fence ~= known.issued then
    fence = next_fence(known.issued)
end
-- This goes first: where memory is full the first write is refused, and no later one.
redis.call('SET', KEYS[2], 'held ' .. integer(fence) .. ' ' .. ARGV[1], 'PX', ARGV[2])
if not known.issued then
    redis.call('DEL', KEYS[3])
end
redis.call('HSET', KEYS[3], 'issued', integer(fence))
keep(KEYS[3], tonumber(ARGV[5]))
return {'granted', fence}
