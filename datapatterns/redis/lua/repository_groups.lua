-- Returns {0, groups, next}: the packed values of each group with the number of its entries, and the
-- bound to go on at ('' at the end). {1} if the index is not complete, {2} if unaware writers have
-- left documents to look at.
--
-- KEYS: the index, the notes on indexes.
-- ARGV: the index's name, 'strict' or 'lax' (do not mind what was left), the lower bound, how many
-- fields make a group, how many groups at most.
local index, name, depth = KEYS[1], ARGV[1], tonumber(ARGV[4])
local note = redis.call('HGET', KEYS[2], name)
if not note or string.sub(note, 18, 18) ~= '1' then return {1} end
if ARGV[2] == 'strict' then
  local first, last = '[m' .. name, '(m' .. name .. '\255'
  if #redis.call('ZRANGEBYLEX', index, first, last, 'LIMIT', 0, 1) > 0 then return {2} end
end

-- Where the packed element that begins at this byte ends (see datapatterns/tuples.py).
local function skip(data, at)
  local code = string.byte(data, at)
  if code == 1 or code == 2 then -- bytes, text: up to a zero, unless 255 follows it
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
  elseif code == 11 then -- a long integer below zero
    return at + 2 + 255 - string.byte(data, at + 1)
  elseif code == 29 then -- and above
    return at + 2 + string.byte(data, at + 1)
  end
  return at + 1 + math.abs(code - 20) -- an integer
end

-- Where the JSON value that begins at this byte ends: its kind, and what belongs to that.
local function value_end(data, at)
  if string.byte(data, at) == 20 then return at + 1 end -- null
  local kind = string.byte(data, at + 1)
  at = at + 2
  if kind <= 2 then return at end -- false, true
  at = skip(data, at)
  if kind ~= 3 then return at end
  local whole = string.byte(data, at) == 20 -- a number's sign of what is behind the point
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
