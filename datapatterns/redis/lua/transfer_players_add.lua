-- Returns how many of the players were new, and are now there with this score and number.
--
-- KEYS: the scores, the players' places, the sequence (see leaderboard_write.lua).
-- ARGV: player, score, number of each.
local scores, places, sequence = KEYS[1], KEYS[2], KEYS[3]
redis.call('ZCARD', scores) -- these three refuse another type before anything is written
redis.call('HLEN', places)
local last = tonumber(redis.call('GET', sequence) or 0)
local new, highest = 0, last
for at = 1, #ARGV, 3 do
  local player, number = ARGV[at], tonumber(ARGV[at + 2])
  if redis.call('HEXISTS', places, player) == 0 then
    local place = string.format('%016.0f', 9007199254740992 - number)
    redis.call('ZADD', scores, ARGV[at + 1], place .. player)
    redis.call('HSET', places, player, place)
    highest, new = math.max(highest, number), new + 1
  end
end
if highest > last then redis.call('SET', sequence, string.format('%.0f', highest)) end
return new
