-- Returns the entries in the field `_entries` of a document, none for what is no list of them.
local function listed(packed)
  local ok, list = pcall(cmsgpack.unpack, packed or '')
  return ok and type(list) == 'table' and list or {}
end

-- Returns the strings of the list as a set.
local function set_of(list)
  local set = {}
  for _, one in ipairs(list) do set[one] = true end
  return set
end

-- Returns a list of the strings of both lists.
local function joined(first, second)
  local list = {}
  for _, one in ipairs(first) do list[#list + 1] = one end
  for _, one in ipairs(second) do list[#list + 1] = one end
  return list
end

-- Calls the command with the key and all arguments of the list, 6,000 at a time.
local function call(command, key, list)
  for from = 1, #list, 6000 do
    redis.call(command, key, unpack(list, from, math.min(from + 5999, #list)))
  end
end

-- Adds the members to the sorted set of all indexes.
local function add(members)
  local scored = {}
  for n, member in ipairs(members) do scored[2 * n - 1], scored[2 * n] = 0, member end
  call('ZADD', index, scored)
end

-- Stores the list in the field `_entries` of the document.
local function list_entries(doc, list)
  if #list > 0 then
    redis.call('HSET', doc, '_entries', cmsgpack.pack(list))
  else
    redis.call('HDEL', doc, '_entries')
  end
end
