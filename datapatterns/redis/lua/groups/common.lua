-- Returns how many members are in all of the sets.
--
-- KEYS: the sets. ARGV: the number at which counting may stop, or 0 to count them all.
local command = {'SINTERCARD', #KEYS}
for _, key in ipairs(KEYS) do
  command[#command + 1] = key
end
command[#command + 1] = 'LIMIT'
command[#command + 1] = ARGV[1]
local count = redis.pcall(unpack(command))
if type(count) == 'number' then return count end
if not string.find(count.err, 'nknown') then return count end
-- A server before Redis 7 does not know the command.
count = #redis.call('SINTER', unpack(KEYS))
local most = tonumber(ARGV[1])
if most > 0 and count > most then return most end
return count
