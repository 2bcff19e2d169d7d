-- Returns the rank of the first player, then for each player the member and the score as text; or
-- nil if the player is unknown.
--
-- KEYS: the scores, the players' orders (see write.lua). ARGV: 'top', how many to skip
-- and how many to return; or 'bottom' and how many; or 'around', the player and how many on either
-- side.
local scores, orders = KEYS[1], KEYS[2]
local how = ARGV[1]
local first, last, list = 0, 0, nil
if how == 'bottom' then
  list = redis.call('ZRANGE', scores, 0, tonumber(ARGV[2]) - 1, 'WITHSCORES')
  first = redis.call('ZCARD', scores) - 1
else
  if how == 'top' then
    first = tonumber(ARGV[2])
    last = first + tonumber(ARGV[3]) - 1
  else
    local order = redis.call('HGET', orders, ARGV[2])
    local rank = order and redis.call('ZREVRANK', scores, order .. ARGV[2])
    if not rank then return false end
    first = math.max(0, rank - tonumber(ARGV[3]))
    last = rank + tonumber(ARGV[3])
  end
  list = redis.call('ZREVRANGE', scores, string.format('%.0f', first),
    string.format('%.0f', last), 'WITHSCORES')
end
table.insert(list, 1, first + 1)
return list
