-- Returns how many subscribers the channel of the event has.
--
-- KEYS: the channel of the event, the channel of all events. ARGV: the payload; event and payload as
-- one message.
--
-- For clusters. Sharded channels have no patterns, so an emitter that listens to a pattern
-- subscribes to the channel of all events.
local heard = redis.call('SPUBLISH', KEYS[1], ARGV[1])
redis.call('SPUBLISH', KEYS[2], ARGV[2])
return heard
