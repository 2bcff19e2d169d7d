-- Returns the server's time: seconds and microseconds.
--
-- KEYS: any key of the collection, so that the server that has it is asked.
return redis.call('TIME')
