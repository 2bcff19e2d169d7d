-- Returns the id of the new entry.
--
-- KEYS: the stream. ARGV: about how many entries to keep, for how many milliseconds after the last
-- one, the event, the payload.
--
-- Field 'a' of an entry is the id of the entry before it, so that a reader sees when entries are
-- missing.
-- include _newest.lua
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*',
  'a', newest, 'e', ARGV[3], 'p', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return id
