-- Returns how many of the players were added: those who were not on the board yet.
--
-- KEYS: the scores, the players' orders, the sequence (see leaderboard/write.lua)
-- ARGV: for each player the name, the score, and the number in the order of arrival.
local scores, orders, sequence = KEYS[1], KEYS[2], KEYS[3]
redis.call('ZCARD', scores) -- a key of another type ends the script before the first write
redis.call('HLEN', orders)
local last = tonumber(redis.call('GET', sequence) or 0)
local new, highest = 0, last
for at = 1, #ARGV, 3 do
  local player, number = ARGV[at], tonumber(ARGV[at + 2])
  if redis.call('HEXISTS', orders, player) == 0 then
    local order = string.format('%016.0f', 9007199254740992 - number)
    redis.call('ZADD', scores, ARGV[at + 1], order .. player)
    redis.call('HSET', orders, player, order)
    highest, new = math.max(highest, number), new + 1
  end
end
if highest > last then redis.call('SET', sequence, string.format('%.0f', highest)) end
return new
