-- `newest` is the id of the newest entry that the stream ever had, '0-0' if there is no stream.
local newest = '0-0'
if redis.call('EXISTS', KEYS[1]) == 1 then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for at = 1, #info, 2 do
    if info[at] == 'last-generated-id' then newest = info[at + 1] end
  end
end
