-- Returns {0, groups, next}: the packed values of each group and the number of its entries, then the
-- lower bound to continue with ('' at the end); or {1} if the index is not complete, or {2} if it has
-- marks.
--
-- KEYS: the index set, the states of the indexes.
-- ARGV: the index's name, 'strict' or 'lax' (ignore marks), the lower bound, how many fields make a
-- group, how many groups at most.
-- include _index.lua

-- include _ready.lua
local depth = tonumber(ARGV[4])

-- Returns where the packed element that begins at this byte ends (see datapatterns/core/tuples.py).
local function skip(data, at)
  local code = string.byte(data, at)
  if code == 1 or code == 2 then -- bytes or text: up to a zero that 255 does not follow
    local zero = string.find(data, '\0', at + 1, true)
    while string.byte(data, zero + 1) == 255 do
      zero = string.find(data, '\0', zero + 2, true)
    end
    return zero + 1
  elseif code == 5 then -- a nested tuple, in which 0 255 is a null
    at = at + 1
    while true do
      if string.byte(data, at) ~= 0 then
        at = skip(data, at)
      elseif string.byte(data, at + 1) == 255 then
        at = at + 2
      else
        return at + 1
      end
    end
  elseif code == 33 then -- a double
    return at + 9
  elseif code == 11 then -- a negative integer of more than 8 bytes
    return at + 2 + 255 - string.byte(data, at + 1)
  elseif code == 29 then -- a positive integer of more than 8 bytes
    return at + 2 + string.byte(data, at + 1)
  end
  return at + 1 + math.abs(code - 20) -- an integer
end

-- Returns where the JSON value that begins at this byte ends: a kind, and what follows that kind.
local function value_end(data, at)
  if string.byte(data, at) == 20 then return at + 1 end -- null
  local kind = string.byte(data, at + 1)
  at = at + 2
  if kind <= 2 then return at end -- false, true
  at = skip(data, at)
  if kind ~= 3 then return at end
  local whole = string.byte(data, at) == 20 -- the sign of a number's fraction is 0
  at = skip(data, at)
  return whole and at or skip(data, at)
end

local groups, lower, upper = {}, ARGV[3], '(e' .. name .. '\255'
while #groups < 2 * tonumber(ARGV[5]) do
  local entry = redis.call('ZRANGEBYLEX', index, lower, upper, 'LIMIT', 0, 1)[1]
  if not entry then return {0, groups, ''} end
  local start = #name + 2
  local stop = start
  for _ = 1, depth do stop = value_end(entry, stop) end
  local group = string.sub(entry, 1, stop - 1)
  groups[#groups + 1] = string.sub(entry, start, stop - 1)
  groups[#groups + 1] = redis.call('ZLEXCOUNT', index, '[' .. group, '(' .. group .. '\255')
  lower = '(' .. group .. '\255'
end
return {0, groups, lower}
