-- Returns the player's new score as text.
--
-- KEYS: the scores, the players' places, the sequence. ARGV: 'add' or 'set', the player, the number.
--
-- A member of the scores is the player's place, 16 digits that count downwards, and the player. So
-- among equal scores the earlier one sorts higher, and the score itself stays a plain double.
local scores, places, sequence = KEYS[1], KEYS[2], KEYS[3]
local how, player, number = ARGV[1], ARGV[2], ARGV[3]
local place = redis.call('HGET', places, player)
local before = place and redis.call('ZSCORE', scores, place .. player)
redis.call('ZCARD', scores) -- these two refuse another type before anything is written
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
  return text -- reached already: the place stays
end
if place then
  redis.call('ZREM', scores, place .. player)
end
place = string.format('%016.0f', 9007199254740992 - redis.call('INCR', sequence))
redis.call('ZADD', scores, text, place .. player)
redis.call('HSET', places, player, place)
return text
