-- Returns the members of the index set between two bounds, as the primary has them.
--
-- KEYS: the index set. ARGV: the lower bound, the upper bound, how many at most.
return redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])
