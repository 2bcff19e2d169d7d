-- Returns 'unready' if an index must be filled first, else for each document an array: {'ok'},
-- {'exists'}, {'missing'}, {'corrupted'}, {'taken', n} (in the n-th index), or {'stale', stored}.
--
-- KEYS: the index set, the states of the indexes, each document.
-- ARGV: 'strict' or 'lax' (ignore marks); how many indexes; for each index its name and '1' if it is
-- unique. Then for each document: the mode ('create', 'replace', 'update'), the revision that must be
-- stored, the new revision, the id, the packed id, the values in each index ('' if the document is
-- not in it), how many arguments follow, and the names and values of fields.
-- include _index.lua

-- include _taken.lua

local strict, at = ARGV[1] == 'strict', 1

-- Returns the next argument.
local function take()
  at = at + 1
  return ARGV[at]
end

redis.call('ZCARD', index) -- a key of another type ends the script before the first write
local declared, unknown = {}, {}
for _, name in ipairs(redis.call('HKEYS', states)) do declared[name] = true end

-- Returns whether a write may go ahead without filling this index first.
local function ready(name, unique)
  if strict and not declared[name] then return false end
  if not unique then return true end
  return complete(name) and not (strict and marked(name))
end

local known = {}
for n = 1, tonumber(take()) do
  local name, unique = take(), take() == '1'
  if not ready(name, unique) then return 'unready' end
  known[n] = {name = name, unique = unique}
  declared[name] = nil
end
for name in pairs(declared) do unknown[#unknown + 1] = name end

-- Gives the document these entries and no others, and stores them with it.
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
  -- A mark for each index that this writer does not know.
  for _, name in ipairs(unknown) do redis.call('ZADD', index, 0, 'm' .. name .. packed) end
  if #list > 0 then
    redis.call('HSET', doc, '_entries', cmsgpack.pack(list))
  else
    redis.call('HDEL', doc, '_entries')
  end
end

-- Writes one document if that is possible, and returns the outcome.
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
