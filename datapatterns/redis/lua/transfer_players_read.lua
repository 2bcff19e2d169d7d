-- Returns for each player the digits of the place and the score as text, or an empty array.
--
-- KEYS: the scores, the players' places. ARGV: players.
local found = {}
for n, player in ipairs(ARGV) do
  local place = redis.call('HGET', KEYS[2], player)
  local score = place and redis.call('ZSCORE', KEYS[1], place .. player)
  found[n] = score and {place, score} or {}
end
return found
