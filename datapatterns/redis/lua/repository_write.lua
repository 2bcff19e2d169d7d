-- Returns 'unready' when an index must be filled first, else for each document an array: {'ok'},
-- {'exists'}, {'missing'}, {'corrupted'}, {'taken', n} (in its n-th index), or {'stale', stored}.
--
-- KEYS: the index, the notes on indexes, each document.
-- ARGV: 'strict' or 'lax' (do not mind what unaware writers have missed); how many indexes; of each
-- its name and '1' if it is unique. Then of each document: the mode ('create', 'replace', 'update'),
-- the revision it must have, the new one, its id, its packed id, its values in each index ('' if it
-- is not in it), how many arguments follow, and those: names and values of fields.
local index, notes, strict = KEYS[1], KEYS[2], ARGV[1] == 'strict'
local at = 1
local function take()
  at = at + 1
  return ARGV[at]
end

redis.call('ZCARD', index) -- a key of another type must be found before the first write
local declared, unknown = {}, {}
for _, name in ipairs(redis.call('HKEYS', notes)) do declared[name] = true end

local function ready(name, unique)
  if strict and not declared[name] then return false end
  if not unique then return true end
  local note = redis.call('HGET', notes, name)
  if not note or string.sub(note, 18, 18) ~= '1' then return false end
  local first, last = '[m' .. name, '(m' .. name .. '\255'
  return not strict or #redis.call('ZRANGEBYLEX', index, first, last, 'LIMIT', 0, 1) == 0
end

local known = {}
for n = 1, tonumber(take()) do
  local name, unique = take(), take() == '1'
  if not ready(name, unique) then return 'unready' end
  known[n] = {name = name, unique = unique}
  declared[name] = nil
end
for name in pairs(declared) do unknown[#unknown + 1] = name end

-- Whether another entry than this one begins with the key of a unique index.
local function taken(key, entry)
  for _, other in ipairs(redis.call('ZRANGEBYLEX', index, '[' .. key, '(' .. key .. '\255', 'LIMIT', 0, 2)) do
    if other ~= entry then return true end
  end
  return false
end

-- Leaves the document with these entries only, and remembers them with it.
local function move(doc, before, wanted, packed)
  local had = {}
  for _, entry in ipairs(before and cmsgpack.unpack(before) or {}) do
    had[entry] = true
    if not wanted[entry] then redis.call('ZREM', index, entry) end
  end
  local list = {}
  for entry in pairs(wanted) do
    list[#list + 1] = entry
    if not had[entry] then redis.call('ZADD', index, 0, entry) end
  end
  -- Who keeps an index that this writer does not know is told to look at the document.
  for _, name in ipairs(unknown) do redis.call('ZADD', index, 0, 'm' .. name .. packed) end
  if #list > 0 then
    redis.call('HSET', doc, '_entries', cmsgpack.pack(list))
  else
    redis.call('HDEL', doc, '_entries')
  end
end

local function store(doc)
  local mode, expected, revision, id, packed = take(), take(), take(), take(), take()
  local values = {}
  for n in ipairs(known) do values[n] = take() end
  local last = tonumber(take())
  local first = at + 1
  last, at = at + last, at + last

  local before = redis.pcall('HMGET', doc, '_rev', '_entries')
  if before.err then return {'corrupted'} end
  local there = before[1] or redis.call('EXISTS', doc) == 1
  if mode == 'create' then
    if there then return {'exists'} end
  elseif not there then
    return {'missing'}
  elseif (before[1] or '0') ~= expected then
    return {'stale', redis.call('HGETALL', doc)}
  end

  local wanted = {}
  for n, one in ipairs(known) do
    if values[n] ~= '' then
      local key = 'e' .. one.name .. values[n]
      if one.unique and taken(key, key .. packed) then return {'taken', n} end
      wanted[key .. packed] = true
    end
  end

  if mode == 'replace' then redis.call('DEL', doc) end
  redis.call('HSET', doc, '_rev', revision)
  for from = first, last, 1000 do
    redis.call('HSET', doc, unpack(ARGV, from, math.min(from + 999, last)))
  end
  if not before[1] then redis.call('ZADD', index, 0, 'd' .. id) end
  move(doc, before[2], wanted, packed)
  return {'ok'}
end

local outcomes = {}
for n = 3, #KEYS do outcomes[n - 2] = store(KEYS[n]) end
return outcomes
