-- Returns for each document 'ok', 'missing', 'stale', or 'corrupted' if its key has another type.
--
-- KEYS: the index set, the states of the indexes, each document.
-- ARGV: for each document the revision that must be stored ('' for any), the id, the packed id.
local index, states = KEYS[1], KEYS[2]
redis.call('ZCARD', index) -- a key of another type ends the script before the first write
local names = redis.call('HKEYS', states)

-- include _entries.lua

-- Removes one document and then what names it: a document is never without its entries.
local function remove(doc, revision, id, packed)
  local before = redis.pcall('HMGET', doc, '_rev', '_entries')
  if before.err then return 'corrupted' end
  if redis.call('EXISTS', doc) == 0 then return 'missing' end
  if revision ~= '' and (before[1] or '0') ~= revision then return 'stale' end
  local members = listed(before[2])
  members[#members + 1] = 'd' .. id
  for _, name in ipairs(names) do members[#members + 1] = 'm' .. name .. packed end
  redis.call('DEL', doc)
  call('ZREM', index, members)
  return 'ok'
end

local outcomes = {}
for n = 3, #KEYS do
  local at = 3 * n - 8
  outcomes[n - 2] = remove(KEYS[n], ARGV[at], ARGV[at + 1], ARGV[at + 2])
end
return outcomes
