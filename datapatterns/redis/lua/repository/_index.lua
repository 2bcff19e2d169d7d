-- The sorted set of all indexes, and the states of the indexes (see AsyncIndexing).
local index, states = KEYS[1], KEYS[2]

-- Returns whether the index is declared and filled.
local function complete(name)
  local state = redis.call('HGET', states, name)
  return state and string.sub(state, 18, 18) == '1'
end

-- Returns whether a writer that does not know the index has marked documents that it changed.
local function marked(name)
  local first, last = '[m' .. name, '(m' .. name .. '\255'
  return #redis.call('ZRANGEBYLEX', index, first, last, 'LIMIT', 0, 1) > 0
end
