-- Returns an entry other than this one that begins with the key of a unique index, or nil.
local function taken(key, entry)
  local first, last = '[' .. key, '(' .. key .. '\255'
  for _, other in ipairs(redis.call('ZRANGEBYLEX', index, first, last, 'LIMIT', 0, 2)) do
    if other ~= entry then return other end
  end
end
