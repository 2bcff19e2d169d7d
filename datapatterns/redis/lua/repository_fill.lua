-- Returns {'ok', n} (n documents were changed meanwhile), {'gone'} if the index was forgotten, or
-- {'taken'} if a unique one has two documents under one key.
--
-- KEYS: the index, the notes on indexes, each document.
-- ARGV: the index's name, '1' if it is unique, the token that its note begins with, its next note
-- ('' to leave it). Then of each document: its id, its packed id, the revision it had when its values
-- were computed, these values ('' if it is not in the index).
local index, notes, name = KEYS[1], KEYS[2], ARGV[1]
local base, changed = 'e' .. name, 0
redis.call('ZCARD', index) -- a key of another type must be found before the first write
local note = redis.call('HGET', notes, name)
if not note or string.sub(note, 1, 16) ~= ARGV[3] then return {'gone'} end

-- Whether another document's entry is under this key.
local function taken(key, entry)
  if ARGV[2] ~= '1' then return false end
  for _, other in ipairs(redis.call('ZRANGEBYLEX', index, '[' .. key, '(' .. key .. '\255', 'LIMIT', 0, 2)) do
    if other ~= entry then return true end
  end
  return false
end

-- Leaves the document with this entry of the index only ('' for none), and those of others.
local function move(doc, before, entry)
  local list = {}
  for _, old in ipairs(before and cmsgpack.unpack(before) or {}) do
    if string.sub(old, 1, #base) ~= base then
      list[#list + 1] = old
    elseif old ~= entry then
      redis.call('ZREM', index, old)
    end
  end
  if entry ~= '' then
    redis.call('ZADD', index, 0, entry)
    list[#list + 1] = entry
  end
  if #list > 0 then redis.call('HSET', doc, '_entries', cmsgpack.pack(list)) end
  if #list == 0 and before then redis.call('HDEL', doc, '_entries') end
end

for n = 3, #KEYS do
  local at = 4 * n - 7
  local id, packed, revision, values = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local before = redis.call('HMGET', KEYS[n], '_rev', '_entries')
  if redis.call('EXISTS', KEYS[n]) == 0 then
    redis.call('ZREM', index, 'd' .. id, 'm' .. name .. packed)
  elseif (before[1] or '0') ~= revision then
    changed = changed + 1
  else
    local entry = values ~= '' and base .. values .. packed or ''
    if entry ~= '' and taken(base .. values, entry) then return {'taken'} end
    move(KEYS[n], before[2], entry)
    redis.call('ZREM', index, 'm' .. name .. packed)
  end
end
if ARGV[4] ~= '' then redis.call('HSET', notes, name, ARGV[4]) end
return {'ok', changed}
