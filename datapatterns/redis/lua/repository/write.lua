-- Returns {'unready'} if an index must be filled first; {'unknown', name, definition, ...} if there
-- are complete unique indexes that the writer does not know; else {'done', outcomes} with an array for
-- each document: {'ok'}, {'exists'}, {'missing'}, {'corrupted'}, {'taken', n} (in the n-th index),
-- {'stale', stored}, or {'newer', version} if a newer program has written what would be replaced.
--
-- KEYS: the index set, the states of the indexes, each document.
-- ARGV: 'strict' or 'lax' (ignore marks); how many indexes; for each index its name and kind: 'ordered'
-- or 'unique' if the writer declares it, 'bound' for a unique index that only other programs declare,
-- 'claimed' if such an index has a condition, which the writer cannot ask. Then for each document: the
-- mode ('create', 'replace', 'update'), the revision that must be stored, the new revision, the schema
-- version of the writer, the id, the packed id; for each index the number of values and the values; the
-- number of names and values of fields, and these; the number of names of fields to remove, and these.
-- include _index.lua

-- include _taken.lua

-- include _entries.lua

local strict, at = ARGV[1] == 'strict', 1

-- Returns the next argument.
local function take()
  at = at + 1
  return ARGV[at]
end

-- Returns as many of the next arguments as the first of them says.
local function take_list()
  local list = {}
  for n = 1, tonumber(take()) do list[n] = take() end
  return list
end

redis.call('ZCARD', index) -- a key of another type ends the script before the first write
local declared = set_of(redis.call('HKEYS', states))

-- Returns whether a write may go ahead without filling this index first.
local function ready(name, kind)
  if strict and not declared[name] then return false end
  if kind == 'ordered' then return true end
  return complete(name) and not (strict and marked(name))
end

-- `marks` are the indexes for which a written document gets a mark.
local known, marks = {}, {}
for n = 1, tonumber(take()) do
  local name, kind = take(), take()
  local own = kind == 'ordered' or kind == 'unique'
  if own and not ready(name, kind) then return {'unready'} end
  local live = own or (declared[name] and complete(name))
  known[n] = {name = name, unique = kind ~= 'ordered', live = live}
  if not own and declared[name] and (kind == 'claimed' or not live) then
    marks[#marks + 1] = name
  end
  declared[name] = nil
end
local unknown = {'unknown'}
for name in pairs(declared) do
  local definition = string.match(redis.call('HGET', states, name), '^%x*:1:[^:]*:(.+)$')
  if definition then
    unknown[#unknown + 1], unknown[#unknown + 2] = name, definition
  else
    marks[#marks + 1] = name
  end
end
if #unknown > 1 then return unknown end

-- Returns the entries of a document, or nil and the number of a unique index in which one is taken.
local function entries_of(values, packed)
  local entries = {}
  for n, one in ipairs(known) do
    for _, value in ipairs(one.live and values[n] or {}) do
      local key = 'e' .. one.name .. value
      if one.unique and taken(key, key .. packed) then return nil, n end
      entries[#entries + 1] = key .. packed
    end
  end
  return entries
end

-- Returns the hash's fields that are not among the names and values.
local function others(doc, fields)
  local kept, list = {_rev = true, _entries = true}, {}
  for n = 1, #fields, 2 do kept[fields[n]] = true end
  for _, name in ipairs(redis.call('HKEYS', doc)) do
    if not kept[name] then list[#list + 1] = name end
  end
  return list
end

-- Returns why the document may not be written, or nil. (Redis's `before` is false where nothing is.)
local function refusal(doc, mode, expected, version, before)
  local there = before[1] or redis.call('EXISTS', doc) == 1
  if mode == 'create' then return there and {'exists'} end
  if not there then return {'missing'} end
  if (before[1] or '0') ~= expected then return {'stale', redis.call('HGETALL', doc)} end
  if mode == 'replace' and before[3] then
    local stored = string.match(before[3], '^%d+$')
    if not stored or tonumber(stored) > tonumber(version) then return {'newer', before[3]} end
  end
end

-- Writes one document if that is possible, and returns the outcome. What is added comes first: between
-- any two writes each document has its entries, and lists them, but for one that is being created.
local function store(doc)
  local mode, expected, revision, version, id, packed =
    take(), take(), take(), take(), take(), take()
  local values = {}
  for n in ipairs(known) do values[n] = take_list() end
  local fields, removed = take_list(), take_list()
  local before = redis.pcall('HMGET', doc, '_rev', '_entries', '$schema_version')
  if before.err then return {'corrupted'} end
  local refused = refusal(doc, mode, expected, version, before)
  if refused then return refused end
  local entries, number = entries_of(values, packed)
  if not entries then return {'taken', number} end
  if mode == 'replace' then removed = others(doc, fields) end

  local wanted, old, gone = set_of(entries), listed(before[2]), {}
  for _, entry in ipairs(old) do
    if not wanted[entry] then gone[#gone + 1] = entry end
  end
  local members = joined(entries, not before[1] and {'d' .. id} or {})
  for _, name in ipairs(marks) do members[#members + 1] = 'm' .. name .. packed end
  fields = joined(fields, {'_rev', revision})
  if mode == 'create' and #entries > 0 then
    fields = joined(fields, {'_entries', cmsgpack.pack(entries)})
  elseif #entries + #gone > #old then -- there are new entries
    list_entries(doc, joined(entries, gone))
  end
  add(members)
  call('HSET', doc, fields)
  call('HDEL', doc, removed)
  call('ZREM', index, gone)
  if #gone > 0 then list_entries(doc, entries) end
  return {'ok'}
end

local outcomes = {}
for n = 3, #KEYS do outcomes[n - 2] = store(KEYS[n]) end
return {'done', outcomes}
