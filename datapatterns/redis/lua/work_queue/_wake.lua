  -- Adds a token to the wake list, unless it has one, so that one waiting worker looks for items.
  if redis.call('LLEN', wake) == 0 then
    redis.call('RPUSH', wake, 1)
    redis.call('PEXPIRE', wake, 60000)
  end
