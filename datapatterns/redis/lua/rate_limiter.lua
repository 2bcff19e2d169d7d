-- Returns four numbers a limit: 1 if admitted else 0, remaining, and the microseconds until this
-- cost could be admitted and until the full quota is back.
--
-- KEYS: one hash a limit. ARGV: the cost, "hit" or "peek", and for each limit its algorithm, limit,
-- step and room. All limits are charged or none. `datapatterns/limits.py` is the same in Python and
-- says why.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local cost = tonumber(ARGV[1])

local decide = {}

function decide.sliding(state, limit, step, room)
    local here = (now - now % step) / step
    local newest = here
    for number in pairs(state) do
        if tonumber(number) > newest then newest = tonumber(number) end
    end
    if newest <= here + room then here = newest end -- a clock set back, but not too far
    local used, counted, over = 0, {}, {}
    for number, count in pairs(state) do
        local n = tonumber(number)
        if here - room <= n and n <= here then
            used = used + count
            counted[#counted + 1] = n
        else
            over[#over + 1] = number
        end
    end
    local allowed, retry_after, last = used + cost <= limit, 0, nil
    table.sort(counted)
    if allowed then
        used, last = used + cost, here
    else
        local free = limit - used
        for _, n in ipairs(counted) do
            free = free + state[string.format('%.0f', n)]
            if free >= cost then
                retry_after = (n + room + 1) * step - now
                break
            end
        end
        last = counted[#counted]
    end
    local reset_after = last and (last + room + 1) * step - now or 0
    local function charge(key)
        redis.call('HINCRBY', key, string.format('%.0f', here), cost)
        if #over > 0 then redis.call('HDEL', key, unpack(over)) end
    end
    return allowed, limit - used, retry_after, reset_after, charge
end

function decide.fixed(state, limit, step)
    local start, count = tonumber(state.start or now), tonumber(state.count or 0)
    if now < start - step or now >= start + step then start, count = now, 0 end
    local ends_after = start + step - now
    local allowed, retry_after = count + cost <= limit, 0
    if allowed then count = count + cost else retry_after = ends_after end
    local function charge(key)
        redis.call('HSET', key, 'start', string.format('%.0f', start), 'count', count)
    end
    return allowed, limit - count, retry_after, count > 0 and ends_after or 0, charge
end

function decide.gcra(state, limit, step, room)
    local reach = room * step
    local tat = math.max(tonumber(state.tat or now), now)
    if tat - now > 2 * reach then tat = now end -- a clock set back too far
    local after = tat + cost * step
    local allowed, retry_after = after - now <= reach, 0
    if allowed then tat = after else retry_after = after - reach - now end
    local left = reach - (tat - now)
    local remaining = math.max(0, (left - left % step) / step)
    local function charge(key)
        redis.call('HSET', key, 'tat', string.format('%.0f', tat))
    end
    return allowed, remaining, retry_after, tat - now, charge
end

local reply, charges, admitted = {}, {}, true
for i, key in ipairs(KEYS) do
    local state, flat = {}, redis.call('HGETALL', key)
    for j = 1, #flat, 2 do state[flat[j]] = flat[j + 1] end
    local at = 4 * i - 1
    local limit, step, room = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
    local allowed, remaining, retry_after, reset_after, charge =
        decide[ARGV[at]](state, limit, step, room)
    admitted = admitted and allowed
    charges[i] = {charge, reset_after}
    for _, value in ipairs({allowed and 1 or 0, remaining, retry_after, reset_after}) do
        reply[#reply + 1] = value
    end
end
if admitted and ARGV[2] == 'hit' then
    for i, key in ipairs(KEYS) do
        charges[i][1](key)
        redis.call('PEXPIRE', key, math.ceil(charges[i][2] / 1000) + 1)
    end
end
return reply
