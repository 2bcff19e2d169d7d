-- Returns 1 if the player was there, else 0.
--
-- KEYS: the scores, the players' places, the sequence. ARGV: the player.
local place = redis.call('HGET', KEYS[2], ARGV[1])
redis.call('ZCARD', KEYS[1]) -- these two refuse another type before anything is written
redis.call('GET', KEYS[3])
if not place then return 0 end
redis.call('HDEL', KEYS[2], ARGV[1])
local gone = redis.call('ZREM', KEYS[1], place .. ARGV[1])
if redis.call('ZCARD', KEYS[1]) == 0 then
  redis.call('DEL', KEYS[3]) -- with nobody to be compared to, counting may begin again
end
return gone
