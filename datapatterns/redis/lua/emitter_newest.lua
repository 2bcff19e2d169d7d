-- Returns the id of the newest entry that the stream ever had, '0-0' if there is no stream.
--
-- KEYS: the stream.
if redis.call('EXISTS', KEYS[1]) == 0 then return '0-0' end
local info = redis.call('XINFO', 'STREAM', KEYS[1])
for at = 1, #info, 2 do
  if info[at] == 'last-generated-id' then return info[at + 1] end
end
return redis.error_reply('DP_CORRUPTED stream')
