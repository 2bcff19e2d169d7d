-- Returns 1 if all keys of the subject were removed, or 0, having changed nothing, if it has further
-- keys by now.
--
-- KEYS: the hash `all` of the subject, and every other key of it. ARGV: the notes in `all` from which
-- the other keys were derived.
local known = {}
for _, note in ipairs(ARGV) do known[note] = true end
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
    if field:find('^[dh]') and not known[field] then return 0 end
end
for _, key in ipairs(KEYS) do redis.call('DEL', key) end
return 1
