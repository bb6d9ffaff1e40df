-- Become the one who delivers a conversion, and read it.
--
-- KEYS[1]  delivery  string, the token of whoever delivers it
-- KEYS[2]  entry     hash, the conversion's; counts its deliveries
-- KEYS[3]  due       sorted set, id by the time at which something must have happened
-- ARGV[1]  token     ours
-- ARGV[2]  lease_ms  how long the key lives if it is not renewed
-- ARGV[3]  id        the conversion's
-- ARGV[4]  now       seconds since the epoch
-- returns            {0} another delivers it, or it is gone; {1, fields} we do

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] or redis.call('HEXISTS', KEYS[2], 'request') == 0 then
  return {0}
end
if not holder then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  redis.call('HINCRBY', KEYS[2], 'deliveries', 1)
  -- If we die: whoever is woken before the lease has lapsed finds another at it.
  redis.call('ZADD', KEYS[3], 'XX', 'GT', ARGV[4] + ARGV[2] / 1000 + 1, ARGV[3])
end
return {1, redis.call('HGETALL', KEYS[2])}
