-- Returns 1 if the player was removed, 0 if there is no such player.
--
-- KEYS: the scores, the players' orders, the sequence (see write.lua). ARGV: the player.
local order = redis.call('HGET', KEYS[2], ARGV[1])
redis.call('ZCARD', KEYS[1]) -- here a key of another type ends the script before the first write
redis.call('GET', KEYS[3])
if not order then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
local gone = redis.call('ZREM', KEYS[1], order .. ARGV[1])
if redis.call('ZCARD', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[3]) -- without players the sequence may begin again
end
return gone
