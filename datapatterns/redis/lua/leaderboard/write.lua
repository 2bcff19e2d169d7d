-- Returns the player's new score as text.
--
-- KEYS: the scores, the players' orders, the sequence. ARGV: 'add' or 'set', the player, the number.
--
-- A member of the scores is the player's order, 16 digits that count downwards, followed by the
-- player. So among equal scores the one reached first sorts higher, and the score itself is a plain
-- double. A hash has the order of each player.
local scores, orders, sequence = KEYS[1], KEYS[2], KEYS[3]
local how, player, number = ARGV[1], ARGV[2], ARGV[3]
local order = redis.call('HGET', orders, player)
local before = order and redis.call('ZSCORE', scores, order .. player)
redis.call('ZCARD', scores) -- here a key of another type ends the script before the first write
redis.call('GET', sequence)
local score = tonumber(number)
if how == 'add' and before then
  score = tonumber(before) + score
end
if score ~= score or score == math.huge or score == -math.huge then
  return redis.error_reply('DP_INFINITE score')
end
local text = string.format('%.17g', score + 0)
if before and tonumber(before) == score then
  return text -- the score does not change, so the order stays
end
if order then
  redis.call('ZREM', scores, order .. player)
end
order = string.format('%016.0f', 9007199254740992 - redis.call('INCR', sequence))
redis.call('ZADD', scores, text, order .. player)
redis.call('HSET', orders, player, order)
return text
