-- Returns {outcomes, taken, taken back, pause}: for each verdict the verb that took effect, or
-- 'lost'; {id, item, attempt, pushed} for each item handed out; {id, attempt, 1 if dead} for each
-- item taken back after a lapsed lease; the microseconds until an item is due (-1 if none will be).
--
-- KEYS: jobs, ready, delayed, leases, dead, wake, seat
-- ARGV: the request's number, for how many milliseconds to remember it, the token of the deliveries,
-- the lease in microseconds, the most attempts, how many items to take; then for each verdict: id,
-- token, verb, microseconds, text.
--
-- jobs is a hash with these fields: 's' + id, an item's state (attempts, pushed, order, most
-- attempts, token); 'i' + id, its JSON; 'e' + id, its last error; 'm:...', facts of the queue. An
-- order is 10 digits of priority and 16 digits of time. Order and id are a member of ready (with
-- score 0, so in the order of the bytes) or of delayed (with the time when it is due as score).
-- leases and dead have ids, with the time when the lease ends or when the item died as score.
--
-- Redis keeps what a script has written when it stops in the middle (in a slot that is moved to another
-- node, for a user without a permission). So an item is added to its new set first, then its state
-- says so, and only then it leaves the old set: leases last of all, since a set that becomes empty must
-- not be used again in a slot that is moved. A member of ready whose order is not that of the item's
-- state is left from such a stop, and is dropped.
--
-- This script runs once for each job of a busy worker. A further call or function costs the server
-- half a microsecond, so it makes few calls and defines few functions.
local jobs, ready, delayed, leases, dead, wake, seat = unpack(KEYS)
local number, keep, token = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local lease, most, want = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local FIRST, LOOKED_UP = 7, 5000
-- include ../_now.lua

-- Use every key before the first write: a key of another type ends the script here. Most of these
-- commands are needed anyway.
local asked = {'m:paused', 'm:stamp'}
for at = FIRST, math.min(#ARGV, LOOKED_UP), 5 do asked[#asked + 1] = 's' .. ARGV[at] end
local facts = redis.call('HMGET', jobs, unpack(asked))
local known = redis.call('GET', seat)
local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, 200)
local lapsed = redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, 100)
local waiting = redis.call('ZCARD', ready) -- kept up to date below
local rung = redis.call('LLEN', wake) > 0
redis.call('ZCARD', dead)
local paused, stamp = facts[1], tonumber(facts[2] or 0)

local outcomes, taken, back, hint = {}, {}, {}, false
local ended = {} -- ids of which the lease has ended
local states = {} -- packed states by id; false for an item that does not exist
for at = 3, #asked do states[ARGV[FIRST + 5 * (at - 3)]] = facts[at] end

local function load(id)
  local state = states[id]
  if state == nil then state = redis.call('HGET', jobs, 's' .. id) end
  if state then return cmsgpack.unpack(state) end
end

local function store(id, ...)
  states[id] = cmsgpack.pack(...)
  redis.call('HSET', jobs, 's' .. id, states[id])
end

-- Returns whether this holder has the item. When an item is given back or taken back, its state
-- loses the token; so the lease itself matters only when some leases have lapsed.
local function held(id, holder, by)
  if holder ~= by or by == '' then return false end
  return #lapsed == 0 or tonumber(redis.call('ZSCORE', leases, id) or 0) > now
end

local function bury(id, attempts, pushed, order, max, text)
  redis.call('ZADD', dead, now, id)
  redis.call('HSET', jobs, 'e' .. id, text)
  store(id, attempts, pushed, order, max, '')
  ended[id] = true
  return 'bury'
end

local function give_back(id, attempts, pushed, order, max)
  redis.call('ZADD', ready, 0, order .. id)
  store(id, attempts, pushed, order, max, '')
  ended[id] = true
  waiting = waiting + 1
end

local function retry(id, span, text, attempts, pushed, order, max)
  if attempts >= max then
    local before = text == '' and redis.call('HGET', jobs, 'e' .. id)
    return bury(id, attempts, pushed, order, max, before or text)
  end
  if text ~= '' then redis.call('HSET', jobs, 'e' .. id, text) end
  local priority = string.sub(order, 1, 10)
  if span > 0 then
    order = priority .. string.format('%016.0f', now + span)
    redis.call('ZADD', delayed, now + span, order .. id)
    store(id, attempts, pushed, order, max, '')
    ended[id] = true
    hint = true
  else
    stamp = math.max(now, stamp + 1)
    give_back(id, attempts, pushed, priority .. string.format('%016.0f', stamp), max)
  end
  return 'retry'
end

local function judge(id, by, verb, span, text)
  local attempts, pushed, order, max, holder = load(id)
  if not attempts or not held(id, holder, by) then return 'lost' end
  if verb == 'ack' then
    redis.call('HDEL', jobs, 's' .. id, 'i' .. id, 'e' .. id)
    ended[id] = true
    states[id] = false
  elseif verb == 'retry' then
    return retry(id, span, text, attempts, pushed, order, max)
  elseif verb == 'bury' then
    return bury(id, attempts, pushed, order, max, text)
  elseif verb == 'release' then
    give_back(id, attempts - 1, pushed, order, max)
  elseif verb == 'extend' then
    redis.call('ZADD', leases, now + span, id)
  elseif verb == 'renew' then
    redis.call('ZADD', leases, 'XX', 'GT', now + span, id)
  end
  return verb
end

-- A request that was served before gets its result again.
if known then
  local last, result, ids = cmsgpack.unpack(known)
  if number < last then return redis.error_reply('DP_LATE a later request was served') end
  if number == last then
    for _, id in ipairs(ids) do
      local attempts, pushed, _, _, holder = load(id)
      if attempts and held(id, holder, token) then
        redis.call('ZADD', leases, now + lease, id)
        taken[#taken + 1] = {id, redis.call('HGET', jobs, 'i' .. id), attempts, pushed}
      end
    end
    return {result, taken, back, 0}
  end
end

local before = stamp
for at = FIRST, #ARGV, 5 do
  local id, by, verb, span, text = unpack(ARGV, at, at + 4)
  outcomes[#outcomes + 1] = judge(id, by, verb, tonumber(span), text)
end
if stamp ~= before then redis.call('HSET', jobs, 'm:stamp', string.format('%.0f', stamp)) end

-- Delayed items that are due become ready.
if #due > 0 then
  for _, member in ipairs(due) do redis.call('ZADD', ready, 0, member) end
  redis.call('ZREM', delayed, unpack(due))
  waiting = waiting + #due
end

-- Items whose leases have lapsed are taken back.
for _, id in ipairs(lapsed) do
  local attempts, pushed, order, max, holder = load(id)
  if not attempts or holder == '' then
    ended[id] = true
  elseif attempts >= max then
    local former = redis.call('HGET', jobs, 'e' .. id)
    local text = 'the lease was lost' .. (former and '; before that: ' .. former or '')
    bury(id, attempts, pushed, order, max, text)
    back[#back + 1] = {id, attempts, 1}
  else
    give_back(id, attempts, pushed, order, max)
    back[#back + 1] = {id, attempts, 0}
  end
end
if #back > 0 then redis.call('HINCRBY', jobs, 'm:requeued', #back) end

-- Items are handed out, in a second round or a third one if members were dropped.
local ids = {}
for _ = 1, paused and 0 or 10 do
  if #taken == want or waiting <= 0 then break end
  local first = redis.call('ZRANGE', ready, 0, want - #taken - 1)
  for _, member in ipairs(first) do
    local id = string.sub(member, 27)
    local found = redis.call('HMGET', jobs, 's' .. id, 'i' .. id)
    if found[1] then
      local attempts, pushed, order = cmsgpack.unpack(found[1])
      if order .. id == member then
        redis.call('ZADD', leases, now + lease, id)
        ended[id] = nil
        store(id, attempts + 1, pushed, order, most, token)
        taken[#taken + 1], ids[#ids + 1] = {id, found[2], attempts + 1, pushed}, id
      end
    end
  end
  if #first == 0 then break end
  redis.call('ZREMRANGEBYRANK', ready, 0, #first - 1)
  waiting = waiting - #first
end
for id in pairs(ended) do redis.call('ZREM', leases, id) end
redis.call('SET', seat, cmsgpack.pack(number, outcomes, ids), 'PX', keep)

-- A token on the wake list makes one waiting worker look for items. It is removed when a worker finds
-- none.
local more = not paused and waiting > 0
if not more and want > 0 and #taken == 0 then
  redis.call('DEL', wake)
elseif (more or hint) and not rung then
  redis.call('RPUSH', wake, 1)
  redis.call('PEXPIRE', wake, 60000)
end

local pause = 0
if #taken < want then
  pause = -1
  for _, key in ipairs({delayed, leases}) do
    local at = tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
    if at and (pause < 0 or at - now < pause) then pause = math.max(0, at - now) end
  end
end
return {outcomes, taken, back, pause}
