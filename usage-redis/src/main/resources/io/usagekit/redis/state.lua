-- Functions shared by scripts; concatenated before each of them. The keys are the library's own: a value of another type or form,
-- or one without expiry, counts as missing. Only the index of an organisation can't: its entries would be missed.
--   entry   a string: see RedisUsage
--   lock    a string: 'held <fence> <token>' during the lease, 'failed <fence> <reason>' during the back-off
--   index   a sorted set of an organisation's periods, scored by the time of their removal in milliseconds since 1970
--   fences  a hash: issued, the last fence; published, the fence of the figure stored last; invalidated, the last fence that
--           may not publish

-- In milliseconds: the longest lease that SingleFlights and RedisUsage accept, and longer than any back-off of a failure.
local LONGEST_LEASE = 60000

-- Lua writes large numbers as 1.7e+15, and Redis counts milliseconds in 64 bits: 2^53 - 1 is exact in both.
local function integer(number)
    return string.format('%.0f', math.min(number, 9007199254740991))
end

-- Returns the string at this key and its PTTL in milliseconds; nil if there is no string with an expiry.
local function expiring(key)
    if redis.call('TYPE', key).ok ~= 'string' then
        return nil
    end
    local left = redis.call('PTTL', key)
    if left < 0 then
        return nil
    end
    return redis.call('GET', key), left
end

-- Returns the text of the figure at this key, its PTTL and its age in milliseconds; nil if there is none.
local function figure(key)
    local value, left = expiring(key)
    -- A value names its key: one that was renamed or copied from another key is no figure of this one. Version 1 didn't.
    local text = value or ''
    local form = '^v1 received=%d+/%d+ sent=%d+/%d+(.-) computed=[%d%-+T:.Z]+ life=(%d+)$'
    local named = 'v2 ' .. key .. ' '
    if string.sub(text, 1, #named) == named then
        text = string.sub(text, #named + 1)
        form = '^%d+/%d+ %d+/%d+(.-) [%d%-+T:.Z]+ (%d+)$'
    end
    local unmeasured, life = string.match(text, form)
    if not life or (unmeasured ~= '' and not string.match(unmeasured, '^ unmeasured=%d+$')) then
        return nil
    end
    local age = tonumber(life) - left
    if age < 0 then
        return nil
    end
    return value, left, age
end

-- Returns the load at this lock: {kind = 'held' or 'failed', fence, detail = token or reason, left = PTTL in milliseconds};
-- an empty table if there is none.
local function flight(key)
    local value, left = expiring(key)
    local kind, fence, detail = string.match(value or '', '^(%l+) (%d+) (.*)$')
    if kind ~= 'held' and kind ~= 'failed' then
        return {}
    end
    return {kind = kind, fence = tonumber(fence), detail = detail, left = left}
end

local function is_held_by(lock, token)
    local found = flight(lock)
    return found.kind == 'held' and found.detail == token
end

-- Returns {issued, published, invalidated}; each may be nil.
local function fences(key)
    if redis.call('TYPE', key).ok ~= 'hash' then
        return {}
    end
    local known = redis.call('HMGET', key, 'issued', 'published', 'invalidated')
    return {issued = tonumber(known[1]), published = tonumber(known[2]), invalidated = tonumber(known[3])}
end

-- Returns this server's clock in microseconds since 1970.
local function microseconds()
    local now = redis.call('TIME')
    return tonumber(now[1]) * 1000000 + tonumber(now[2])
end

-- Returns a fence greater than the last one, and greater than all issued before Redis lost them.
local function next_fence(last)
    return math.max((last or 0) + 1, microseconds())
end

-- Extends a key's expiry to at least this time from now on, in milliseconds.
local function keep(key, time)
    if redis.call('PTTL', key) < time then
        redis.call('PEXPIRE', key, integer(time))
    end
end

-- Returns an error if there is anything but a sorted set at an organisation's index; nil if it can be read and written.
local function wrong_index(key, entries)
    local kind = redis.call('TYPE', key).ok
    if kind == 'zset' or kind == 'none' then
        return nil
    end
    return redis.error_reply('WRONGTYPE ' .. key .. ' must be a sorted set of periods, but is a ' .. kind
        .. '; delete it together with all entries ' .. entries .. '*')
end

-- Adds a period to an organisation's index, to be kept for this time from now on in milliseconds. Returns an error if there is another type
-- in its place: the periods that it held may still have entries.
local function add_period(key, period, time, entries)
    local wrong = wrong_index(key, entries)
    if wrong then
        return wrong
    end
    local now = math.floor(microseconds() / 1000)
    local before = tonumber(redis.call('ZSCORE', key, period) or 0)
    redis.call('ZADD', key, integer(math.max(before, now + tonumber(time))), period)
    redis.call('ZREMRANGEBYSCORE', key, '-inf', integer(now))
    local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')
    redis.call('PEXPIRE', key, integer(tonumber(last[2]) - now))
    return nil
end

-- Wakes the loads that wait for this entry: on the shard's channel, if there is one ('' if not) and this server publishes on it, else on the channel of
-- all nodes. This server doesn't before Redis 7, where this user may not, and where another node has the channel's hash slot. Returns the answer with
-- one more part, a list of two texts: the error of SPUBLISH and that of PUBLISH, each '' if there is none. That is no failure of the script,
-- which has written: loads that wait also poll.
local function wake(channel, shard, entry, answer)
    local sharded = shard == '' and {err = ''} or redis.pcall('SPUBLISH', shard, entry)
    local published = type(sharded) == 'number' and sharded or redis.pcall('PUBLISH', channel, entry)
    answer[#answer + 1] = {
        type(sharded) == 'table' and sharded.err or '',
        type(published) == 'table' and published.err or ''
    }
    return answer
end
