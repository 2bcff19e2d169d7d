-- Returns {'ok', n} if n of the documents have changed since they were read; {'gone'} if the index has
-- another token by now; {'taken', id, entry} if another document's entry has the same key in a unique
-- index; or {'marked', n} if a unique index cannot be complete yet, since there are marks.
--
-- KEYS: the index set, the states of the indexes, each document.
-- ARGV: the index's name, '1' if it is unique, the token with which its state begins, its next state
-- ('' to keep the state). Then for each document: its id, its packed id, the revision from which its
-- values were computed, how many values it has in the index, and these.
-- include _index.lua

-- include _taken.lua

-- include _entries.lua

local name, unique, token, next_state = ARGV[1], ARGV[2] == '1', ARGV[3], ARGV[4]
local base, changed, at = 'e' .. name, 0, 4
redis.call('ZCARD', index) -- a key of another type ends the script before the first write
local state = redis.call('HGET', states, name)
if not state or string.sub(state, 1, 16) ~= token then return {'gone'} end

-- Returns the next argument.
local function take()
  at = at + 1
  return ARGV[at]
end

-- Gives the document these entries of the index; its entries of other indexes stay. Between any two
-- writes the document lists every entry that it has.
local function move(doc, before, entries)
  local wanted, had, gone, list, more = set_of(entries), {}, {}, {}, false
  for _, old in ipairs(before) do
    had[old] = true
    if string.sub(old, 1, #base) == base and not wanted[old] then
      gone[#gone + 1] = old
    else
      list[#list + 1] = old
    end
  end
  for _, entry in ipairs(entries) do
    if not had[entry] then
      list[#list + 1], more = entry, true
    end
  end
  if more then list_entries(doc, joined(list, gone)) end
  add(entries)
  call('ZREM', index, gone)
  if #gone > 0 then list_entries(doc, list) end
end

for n = 3, #KEYS do
  local id, packed, revision, entries = take(), take(), take(), {}
  local keys = {}
  for m = 1, tonumber(take()) do
    keys[m] = base .. take()
    entries[m] = keys[m] .. packed
  end
  local before = redis.call('HMGET', KEYS[n], '_rev', '_entries')
  if redis.call('EXISTS', KEYS[n]) == 0 then
    redis.call('ZREM', index, 'd' .. id, 'm' .. name .. packed)
  elseif (before[1] or '0') ~= revision then
    changed = changed + 1
  else
    for m, key in ipairs(keys) do
      local other = unique and taken(key, entries[m])
      if other then return {'taken', id, other} end
    end
    move(KEYS[n], listed(before[2]), entries)
    redis.call('ZREM', index, 'm' .. name .. packed)
  end
end

-- Another process may have completed the index meanwhile: then it stays complete.
local is_complete, completes = string.sub(state, 18, 18) == '1', string.sub(next_state, 18, 18) == '1'
if unique and completes and not is_complete and marked(name) then return {'marked', changed} end
if next_state ~= '' and (completes or not is_complete) then
  redis.call('HSET', states, name, next_state)
end
return {'ok', changed}
