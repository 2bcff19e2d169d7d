-- Lets the key expire with the longest lease in it, which need not be the one just written.
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
redis.call('PEXPIRE', KEYS[1], math.ceil((last - now) / 1000) + 1)
