-- Returns the result of a request that was served before: `known`, what its seat remembers, says so.
if known then
  local last, result = cmsgpack.unpack(known)
  if number < last then return redis.error_reply('DP_LATE a later request was served') end
  if number == last then return result end
end
