-- Returns the player's rank and score as text, or nothing if there is no such player.
--
-- KEYS: the scores, the players' places. ARGV: the player.
local place = redis.call('HGET', KEYS[2], ARGV[1])
if not place then return false end
local member = place .. ARGV[1]
local rank = redis.call('ZREVRANK', KEYS[1], member)
if not rank then return false end
return {rank + 1, redis.call('ZSCORE', KEYS[1], member)}
