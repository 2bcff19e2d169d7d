-- Returns {outcomes, taken, taken back, pause}: the verb that took effect for each verdict, or
-- 'lost'; {id, item, attempt, pushed} for each item handed out; {id, attempt, 1 if dead} for each
-- one taken back from a lost holder; microseconds until something falls due (-1: nothing does).
--
-- KEYS: jobs ready delayed leases dead wake seat
-- ARGV: request number, milliseconds to remember it, token, lease, max attempts, how many to take;
--       then id, token, verb, microseconds, text for each verdict
--
-- jobs is a hash: 's' + id -> state (attempts, pushed, place, max attempts, token), 'i' + id ->
-- item, 'e' + id -> last error, 'm:...' -> facts of the queue. A place is 10 digits of priority and
-- 16 of time, then comes the id: that is a member of ready (score 0, so ordered by itself) and of
-- delayed (score: when it is due). leases and dead hold ids, by when they end and when they died.
--
-- A busy worker's every job comes through here, and a call or a function more costs the server half
-- a microsecond: hence few of both.
local jobs, ready, delayed, leases, dead, wake, seat = unpack(KEYS)
local number, keep, token = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local lease, most, want = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local FIRST, LOOKED_UP = 7, 5000
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

-- Look at every key before the first write: one of a wrong type then stops it all. As far as can be
-- this is done by commands whose answers are needed anyway.
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
local states = {} -- by id, as stored; false: there is none
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

-- Whether this holder has the item. Whoever gives it up, or loses it, takes the token out of its
-- state; so the lease has to be looked at only when there are some that have lapsed.
local function held(id, holder, by)
  if holder ~= by or by == '' then return false end
  return #lapsed == 0 or tonumber(redis.call('ZSCORE', leases, id) or 0) > now
end

local function bury(id, attempts, pushed, place, max, text)
  redis.call('ZREM', leases, id)
  redis.call('ZADD', dead, now, id)
  store(id, attempts, pushed, place, max, '')
  redis.call('HSET', jobs, 'e' .. id, text)
  return 'bury'
end

local function give_back(id, attempts, pushed, place, max)
  redis.call('ZREM', leases, id)
  store(id, attempts, pushed, place, max, '')
  redis.call('ZADD', ready, 0, place .. id)
  waiting = waiting + 1
end

local function retry(id, span, text, attempts, pushed, place, max)
  if attempts >= max then
    local before = text == '' and redis.call('HGET', jobs, 'e' .. id)
    return bury(id, attempts, pushed, place, max, before or text)
  end
  if text ~= '' then redis.call('HSET', jobs, 'e' .. id, text) end
  local priority = string.sub(place, 1, 10)
  if span > 0 then
    place = priority .. string.format('%016.0f', now + span)
    redis.call('ZREM', leases, id)
    store(id, attempts, pushed, place, max, '')
    redis.call('ZADD', delayed, now + span, place .. id)
    hint = true
  else
    stamp = math.max(now, stamp + 1)
    give_back(id, attempts, pushed, priority .. string.format('%016.0f', stamp), max)
  end
  return 'retry'
end

local function judge(id, by, verb, span, text)
  local attempts, pushed, place, max, holder = load(id)
  if not attempts or not held(id, holder, by) then return 'lost' end
  if verb == 'ack' then
    redis.call('ZREM', leases, id)
    redis.call('HDEL', jobs, 's' .. id, 'i' .. id, 'e' .. id)
    states[id] = false
  elseif verb == 'retry' then
    return retry(id, span, text, attempts, pushed, place, max)
  elseif verb == 'bury' then
    return bury(id, attempts, pushed, place, max, text)
  elseif verb == 'release' then
    give_back(id, attempts - 1, pushed, place, max)
  elseif verb == 'extend' then
    redis.call('ZADD', leases, now + span, id)
  elseif verb == 'renew' then
    redis.call('ZADD', leases, 'XX', 'GT', now + span, id)
  end
  return verb
end

-- A request that was sent before is only told again what it did.
if known then
  local last, told, ids = cmsgpack.unpack(known)
  if number < last then return redis.error_reply('DP_LATE a later request was served') end
  if number == last then
    for _, id in ipairs(ids) do
      local attempts, pushed, _, _, holder = load(id)
      if attempts and held(id, holder, token) then
        redis.call('ZADD', leases, now + lease, id)
        taken[#taken + 1] = {id, redis.call('HGET', jobs, 'i' .. id), attempts, pushed}
      end
    end
    return {told, taken, back, 0}
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

-- What lost holders had is taken back.
for _, id in ipairs(lapsed) do
  local attempts, pushed, place, max = load(id)
  if not attempts then
    redis.call('ZREM', leases, id)
  elseif attempts >= max then
    local former = redis.call('HGET', jobs, 'e' .. id)
    local text = 'the lease was lost' .. (former and '; before that: ' .. former or '')
    bury(id, attempts, pushed, place, max, text)
    back[#back + 1] = {id, attempts, 1}
  else
    give_back(id, attempts, pushed, place, max)
    back[#back + 1] = {id, attempts, 0}
  end
end
if #back > 0 then redis.call('HINCRBY', jobs, 'm:requeued', #back) end

-- Hand out.
local ids = {}
if want > 0 and not paused then
  local popped = redis.call('ZPOPMIN', ready, want)
  for at = 1, #popped, 2 do
    local id = string.sub(popped[at], 27)
    local found = redis.call('HMGET', jobs, 's' .. id, 'i' .. id)
    if found[1] then
      local attempts, pushed, place = cmsgpack.unpack(found[1])
      store(id, attempts + 1, pushed, place, most, token)
      redis.call('ZADD', leases, now + lease, id)
      taken[#taken + 1], ids[#ids + 1] = {id, found[2], attempts + 1, pushed}, id
    end
  end
  waiting = waiting - #popped / 2
end
redis.call('SET', seat, cmsgpack.pack(number, outcomes, ids), 'PX', keep)

-- A token on the wake list lets one waiting worker look again; whoever finds nothing removes it.
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
