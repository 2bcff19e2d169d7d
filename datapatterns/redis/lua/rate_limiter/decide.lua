-- Returns four numbers for each limit: 1 if the cost is admitted, else 0; what remains; and the
-- microseconds until this cost could be admitted, and until the full quota is back.
--
-- KEYS: one hash for each limit. ARGV: the cost, 'hit' or 'peek', and for each limit its algorithm,
-- limit, step and room. Either all limits are charged or none. `datapatterns/core/rate_limiter.py` computes the
-- same in Python and explains it. The time to live of a key is set when its state begins anew, since
-- only then its end moves; with gcra the end moves at each hit.
-- include ../_now.lua
local cost = tonumber(ARGV[1])

local function live(key, micros)
    redis.call('PEXPIRE', key, math.ceil(micros / 1000) + 1)
end

-- Returns in how many microseconds a refused cost could be admitted, and when nothing counts any
-- more.
local function wait_sliding(state, oldest, here, free, step, room)
    local numbers, counts = {}, {}
    for j = 1, #state, 2 do
        local n = state[j]
        if oldest <= n and n <= here then
            numbers[#numbers + 1], counts[n] = n, state[j + 1]
        end
    end
    table.sort(numbers)
    local at = 0
    repeat
        at = at + 1
        free = free + counts[numbers[at]]
    until free >= cost
    local shift = (room + 1) * step - now
    return numbers[at] * step + shift, numbers[#numbers] * step + shift
end

local function sliding(key, limit, step, room)
    local state = redis.call('HGETALL', key) -- number, count, number, count
    local here = (now - now % step) / step
    local newest = here
    for j = 1, #state, 2 do
        local n = tonumber(state[j])
        state[j] = n
        if n > newest then newest = n end
    end
    if newest <= here + room then here = newest end -- the clock was set back, by less than a window
    local oldest, used, known, over = here - room, 0, false, nil
    for j = 1, #state, 2 do
        local n = state[j]
        if oldest <= n and n <= here then
            used = used + state[j + 1]
            known = known or n == here
        else
            over = over or {}
            over[#over + 1] = n
        end
    end
    local free = limit - used
    if free < cost then
        return false, free, wait_sliding(state, oldest, here, free, step, room)
    end
    local reset_after = (here + room + 1) * step - now
    local function charge()
        redis.call('HINCRBY', key, here, ARGV[1])
        if not known then live(key, reset_after) end
        if over then redis.call('HDEL', key, unpack(over)) end
    end
    return true, free - cost, 0, reset_after, charge
end

local function fixed(key, limit, step)
    local state = redis.call('HMGET', key, 'start', 'count')
    local start, count = tonumber(state[1] or now), tonumber(state[2] or 0)
    if now < start - step or now >= start + step then start, count = now, 0 end
    local left = start + step - now
    if count + cost > limit then return false, limit - count, left, left end
    local function charge()
        if count > 0 then
            redis.call('HINCRBY', key, 'count', ARGV[1])
        else
            redis.call('HSET', key, 'start', start, 'count', ARGV[1])
            live(key, left)
        end
    end
    return true, limit - count - cost, 0, left, charge
end

local function gcra(key, limit, step, room)
    local reach = room * step
    local tat = math.max(tonumber(redis.call('HGET', key, 'tat') or now), now)
    if tat - now > 2 * reach then tat = now end -- the clock was set back too far
    local after = tat + cost * step
    local retry_after = math.max(0, after - now - reach)
    if retry_after == 0 then tat = after end
    local room_left = math.max(0, reach - (tat - now))
    local function charge()
        redis.call('HSET', key, 'tat', tat)
        live(key, tat - now)
    end
    return retry_after == 0, (room_left - room_left % step) / step, retry_after, tat - now, charge
end

local reply, charges, admitted = {}, {}, true
for i = 1, #KEYS do
    local at = 4 * i - 1
    local limit, step, room = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
    local decide = ARGV[at] == 'sliding' and sliding or ARGV[at] == 'fixed' and fixed or gcra
    local allowed, remaining, retry_after, reset_after, charge = decide(KEYS[i], limit, step, room)
    admitted = admitted and allowed
    charges[i] = charge
    reply[at - 2], reply[at - 1] = allowed and 1 or 0, remaining
    reply[at], reply[at + 1] = retry_after, reset_after
end
if admitted and ARGV[2] == 'hit' then
    for i = 1, #charges do charges[i]() end
end
return reply
