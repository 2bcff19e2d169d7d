-- Returns the id of the new entry.
--
-- KEYS: the stream. ARGV: about how many entries to keep, for how many milliseconds after the last
-- one, the event, the payload.
--
-- Each entry names the one before it ('a'), so that a reader sees when entries are missing.
local after = '0-0'
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for at = 1, #info, 2 do
    if info[at] == 'last-generated-id' then after = info[at + 1] end
  end
end
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*',
  'a', after, 'e', ARGV[3], 'p', ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return id
