-- Returns the player's rank and score as text, or nil if there is no such player.
--
-- KEYS: the scores, the players' orders (see write.lua). ARGV: the player.
local order = redis.call('HGET', KEYS[2], ARGV[1])
if not order then return false end
local member = order .. ARGV[1]
local rank = redis.call('ZREVRANK', KEYS[1], member)
if not rank then return false end
return {rank + 1, redis.call('ZSCORE', KEYS[1], member)}
