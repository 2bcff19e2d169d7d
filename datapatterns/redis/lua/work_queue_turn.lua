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
local jobs, ready, delayed, leases, dead, wake, seat = unpack(KEYS)
local number, keep, token = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local lease, most, want = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local FIRST = 7
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

-- Look at every key before the first write: one of a wrong type then stops it all.
local facts = redis.call('HMGET', jobs, 'm:paused', 'm:stamp')
local known = redis.call('GET', seat)
for _, key in ipairs({ready, delayed, leases, dead}) do redis.call('ZCARD', key) end
redis.call('LLEN', wake)
local paused, stamp = facts[1], tonumber(facts[2] or 0)

local outcomes, taken, back, hint = {}, {}, {}, false

local function load(id)
  local state = redis.call('HGET', jobs, 's' .. id)
  if state then return cmsgpack.unpack(state) end
end

local function store(id, ...)
  redis.call('HSET', jobs, 's' .. id, cmsgpack.pack(...))
end

-- Until when this holder has the item, or nil.
local function held(id, holder, by)
  if holder ~= by or by == '' then return nil end
  local ends = tonumber(redis.call('ZSCORE', leases, id) or 0)
  return ends > now and ends or nil
end

local function bury(id, attempts, pushed, place, max, text)
  redis.call('ZREM', leases, id)
  redis.call('ZADD', dead, now, id)
  store(id, attempts, pushed, place, max, '')
  redis.call('HSET', jobs, 'e' .. id, text)
end

local function give_back(id, attempts, pushed, place, max)
  redis.call('ZREM', leases, id)
  store(id, attempts, pushed, place, max, '')
  redis.call('ZADD', ready, 0, place .. id)
end

local verdicts = {}

function verdicts.ack(id)
  redis.call('ZREM', leases, id)
  redis.call('HDEL', jobs, 's' .. id, 'i' .. id, 'e' .. id)
  return 'ack'
end

function verdicts.bury(id, ends, span, text, attempts, pushed, place, max)
  bury(id, attempts, pushed, place, max, text)
  return 'bury'
end

function verdicts.retry(id, ends, span, text, attempts, pushed, place, max)
  if attempts >= max then
    local before = text == '' and redis.call('HGET', jobs, 'e' .. id)
    bury(id, attempts, pushed, place, max, before or text)
    return 'bury'
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

function verdicts.release(id, ends, span, text, attempts, pushed, place, max)
  give_back(id, attempts - 1, pushed, place, max)
  return 'release'
end

function verdicts.extend(id, ends, span)
  redis.call('ZADD', leases, now + span, id)
  return 'extend'
end

function verdicts.renew(id, ends, span)
  redis.call('ZADD', leases, math.max(ends, now + span), id)
  return 'renew'
end

local function judge(id, by, verb, span, text)
  local attempts, pushed, place, max, holder = load(id)
  local ends = attempts and held(id, holder, by)
  if not ends then return 'lost' end
  return verdicts[verb](id, ends, span, text, attempts, pushed, place, max)
end

local function promote()
  local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', now, 'LIMIT', 0, 200)
  for _, member in ipairs(due) do redis.call('ZADD', ready, 0, member) end
  if #due > 0 then redis.call('ZREM', delayed, unpack(due)) end
end

local function take_back()
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', now, 'LIMIT', 0, 100)) do
    local attempts, pushed, place, max = load(id)
    if not attempts then
      redis.call('ZREM', leases, id)
    elseif attempts >= max then
      local before = redis.call('HGET', jobs, 'e' .. id)
      local text = 'the lease was lost' .. (before and '; before that: ' .. before or '')
      bury(id, attempts, pushed, place, max, text)
      table.insert(back, {id, attempts, 1})
    else
      give_back(id, attempts, pushed, place, max)
      table.insert(back, {id, attempts, 0})
    end
  end
  if #back > 0 then redis.call('HINCRBY', jobs, 'm:requeued', #back) end
end

local function hand_out(id, attempts, pushed)
  redis.call('ZADD', leases, now + lease, id)
  table.insert(taken, {id, redis.call('HGET', jobs, 'i' .. id), attempts, pushed})
end

local function take()
  local popped = redis.call('ZPOPMIN', ready, want)
  for at = 1, #popped, 2 do
    local id = string.sub(popped[at], 27)
    local attempts, pushed, place = load(id)
    if attempts then
      store(id, attempts + 1, pushed, place, most, token)
      hand_out(id, attempts + 1, pushed)
    end
  end
end

-- What an earlier sending of this request did is only told again.
local function repeat_known(told, ids)
  outcomes = told
  for _, id in ipairs(ids) do
    local attempts, pushed, place, max, holder = load(id)
    if attempts and held(id, holder, token) then hand_out(id, attempts, pushed) end
  end
end

local function remember()
  local ids = {}
  for _, item in ipairs(taken) do table.insert(ids, item[1]) end
  redis.call('SET', seat, cmsgpack.pack(number, outcomes, ids), 'PX', keep)
end

local function pause()
  local soonest = -1
  for _, key in ipairs({delayed, leases}) do
    local at = tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
    if at and (soonest < 0 or at - now < soonest) then soonest = math.max(0, at - now) end
  end
  return soonest
end

-- A token on the wake list lets one waiting worker look again; whoever finds nothing removes it.
local function ring()
  local more = not paused and redis.call('ZCARD', ready) > 0
  if not more and want > 0 and #taken == 0 then
    redis.call('DEL', wake)
  elseif (more or hint) and redis.call('LLEN', wake) == 0 then
    redis.call('RPUSH', wake, 1)
    redis.call('PEXPIRE', wake, 60000)
  end
end

if known then
  local last, told, ids = cmsgpack.unpack(known)
  if number < last then return redis.error_reply('DP_LATE a later request was served') end
  if number == last then
    repeat_known(told, ids)
    return {outcomes, taken, back, 0}
  end
end
local before = stamp
for at = FIRST, #ARGV, 5 do
  local id, by, verb, span, text = unpack(ARGV, at, at + 4)
  table.insert(outcomes, judge(id, by, verb, tonumber(span), text))
end
promote()
take_back()
if want > 0 and not paused then take() end
if stamp ~= before then redis.call('HSET', jobs, 'm:stamp', string.format('%.0f', stamp)) end
remember()
ring()
return {outcomes, taken, back, #taken < want and pause() or 0}
