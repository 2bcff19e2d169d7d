-- Returns how many subscribers of this event there are.
--
-- KEYS: the channel of the event, the channel of all events. ARGV: the payload, and event and
-- payload together.
--
-- For clusters: their sharded channels have no patterns, so who listens to a pattern hears all.
local heard = redis.call('SPUBLISH', KEYS[1], ARGV[1])
redis.call('SPUBLISH', KEYS[2], ARGV[2])
return heard
