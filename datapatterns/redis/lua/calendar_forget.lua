-- Returns 1 when all keys were removed, or 0, having changed nothing, if there are more by now.
--
-- KEYS: the subject's long-lived buckets, and every other key of it. ARGV: the notes of its other
-- keys that these were derived from.
local known = {}
for _, note in ipairs(ARGV) do known[note] = true end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    if field:find('^[dh]') and not known[field] then return 0 end
end
for _, key in ipairs(KEYS) do redis.call('DEL', key) end
return 1
