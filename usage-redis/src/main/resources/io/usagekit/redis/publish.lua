-- Stores a figure if its fence is the one issued last, and releases the lease; concatenated after state.lua.
-- KEYS[1]  the entry
-- KEYS[2]  its lock
-- KEYS[3]  its fences
-- KEYS[4]  the organisation's index, if this server has it: before the figure is stored the period is added
-- ARGV[1]  the token
-- ARGV[2]  the fence
-- ARGV[3]  the value
-- ARGV[4]  its time to live in milliseconds
-- ARGV[5]  the figure's age in milliseconds
-- ARGV[6]  the channel of wake-ups
-- ARGV[7]  the shard's channel of wake-ups, or empty: see wake()
-- ARGV[8]  the time at which the figure had that age, or earlier, by this server's clock in microseconds; 0 if unknown
-- ARGV[9]  the period
-- ARGV[10] the time to keep the period in the index, in milliseconds
-- ARGV[11] what the names of the organisation's entries begin with, for the error
-- Returns {'stored'}, or if the figure is rejected {'superseded', newer value, PTTL in milliseconds},
-- {'lease_lost', fence issued last} or {'invalidated'}; where loads were to be woken, one more part: see wake(). An error if another type is in the
-- index's place.
local fence = tonumber(ARGV[2])
local known = fences(KEYS[3])
local answer = {'stored'}

-- Subtracts the delay of a command that waited in a hanging server: the figure would look younger than it is otherwise.
local life = tonumber(ARGV[4])
if tonumber(ARGV[8]) > 0 then
    life = life - math.max(0, math.ceil((microseconds() - tonumber(ARGV[8])) / 1000))
end

if known.issued == fence and life < 1 then
    answer = {'invalidated'}
elseif known.issued == fence then
    local wrong = KEYS[4] and add_period(KEYS[4], ARGV[9], ARGV[10], ARGV[11])
    if wrong then
        return wrong
    end
    redis.call('SET', KEYS[1], ARGV[3], 'PX', integer(life))
    redis.call('HSET', KEYS[3], 'published', integer(fence))
else
    local value, left, age = figure(KEYS[1])
    if value and ((known.published or 0) > fence or age < tonumber(ARGV[5])) then
        answer = {'superseded', value, left}
    elseif not known.issued or (known.invalidated or 0) >= fence then
        answer = {'invalidated'}
    else
        answer = {'lease_lost', known.issued}
    end
end

-- Also released if the fences have been lost. A lease of a later load of the same token is kept.
local holder = flight(KEYS[2])
local ours = holder.kind == 'held' and holder.detail == ARGV[1] and holder.fence == fence
if ours then
    redis.call('DEL', KEYS[2])
end
if ours or answer[1] == 'stored' then
    return wake(ARGV[6], ARGV[7], KEYS[1], answer)
end
return answer
