-- Returns the counts of the fields in order, as strings, nil for a field that is not stored.
--
-- KEYS: hashes. ARGV: for each hash a number of fields, then these fields.
local reply, at = {}, 1
for _, key in ipairs(KEYS) do
    local ends = at + ARGV[at]
    while at < ends do
        local upto = math.min(at + 1000, ends) -- Lua's stack is too small for thousands of arguments
        for _, value in ipairs(redis.call('HMGET', key, unpack(ARGV, at + 1, upto))) do
            reply[#reply + 1] = value
        end
        at = upto
    end
    at = ends + 1
end
return reply
