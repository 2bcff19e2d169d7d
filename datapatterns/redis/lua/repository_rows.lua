-- Returns {0, members}, {1} if the index is not complete, or {2} if unaware writers have left
-- documents to look at.
--
-- KEYS: the index, the notes on indexes.
-- ARGV: the index's name, 'strict' or 'lax' (do not mind what was left), the command, both bounds in
-- its order, the limit.
local name = ARGV[1]
local note = redis.call('HGET', KEYS[2], name)
if not note or string.sub(note, 18, 18) ~= '1' then return {1} end
if ARGV[2] == 'strict' then
  local first, last = '[m' .. name, '(m' .. name .. '\255'
  if #redis.call('ZRANGEBYLEX', KEYS[1], first, last, 'LIMIT', 0, 1) > 0 then return {2} end
end
return {0, redis.call(ARGV[3], KEYS[1], ARGV[4], ARGV[5], 'LIMIT', 0, ARGV[6])}
