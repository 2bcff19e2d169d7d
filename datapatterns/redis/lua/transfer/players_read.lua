-- Returns for each player the order and the score as text, or an empty array if unknown.
--
-- KEYS: the scores, the players' orders (see leaderboard/write.lua). ARGV: the players.
local found = {}
for n, player in ipairs(ARGV) do
  local order = redis.call('HGET', KEYS[2], player)
  local score = order and redis.call('ZSCORE', KEYS[1], order .. player)
  found[n] = score and {order, score} or {}
end
return found
