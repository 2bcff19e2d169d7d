-- Returns 1 if the note was changed, 0 if the index was forgotten or declared anew meanwhile.
--
-- KEYS: the notes on indexes. ARGV: the index's name, the token that its note begins with, the note.
local note = redis.call('HGET', KEYS[1], ARGV[1])
if not note or string.sub(note, 1, 16) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
