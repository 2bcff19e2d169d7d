-- Returns the id of the newest entry that the stream ever had, '0-0' if there is no stream.
--
-- KEYS: the stream.
-- include _newest.lua
return newest
