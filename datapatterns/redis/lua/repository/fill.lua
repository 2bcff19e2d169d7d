-- Returns {'ok', n} if n of the documents have changed since they were read, {'gone'} if the index has
-- another token by now, or {'taken'} if two documents have the same key in a unique index.
--
-- KEYS: the index set, the states of the indexes, each document.
-- ARGV: the index's name, '1' if it is unique, the token with which its state begins, its next state
-- ('' to keep the state). Then for each document: its id, its packed id, the revision from which its
-- values were computed, and these values ('' if it is not in the index).
local index, states, name = KEYS[1], KEYS[2], ARGV[1]
local base, unique, changed = 'e' .. name, ARGV[2] == '1', 0
redis.call('ZCARD', index) -- a key of another type ends the script before the first write
local state = redis.call('HGET', states, name)
if not state or string.sub(state, 1, 16) ~= ARGV[3] then return {'gone'} end

-- include _taken.lua

-- Gives the document this entry of the index ('' for none); its entries of other indexes stay.
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
    if unique and entry ~= '' and taken(base .. values, entry) then return {'taken'} end
    move(KEYS[n], before[2], entry)
    redis.call('ZREM', index, 'm' .. name .. packed)
  end
end
if ARGV[4] ~= '' then redis.call('HSET', states, name, ARGV[4]) end
return {'ok', changed}
