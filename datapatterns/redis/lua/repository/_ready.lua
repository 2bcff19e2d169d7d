-- Returns {1} if the index is not complete, or {2} if it has marks and the mode is 'strict'.
local name = ARGV[1]
if not complete(name) then return {1} end
if ARGV[2] == 'strict' and marked(name) then return {2} end
