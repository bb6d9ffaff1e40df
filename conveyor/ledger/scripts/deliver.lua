-- Become the one who delivers a conversion, and read it.
--
-- KEYS[1]  delivery  string, the token of whoever delivers it
-- KEYS[2]  entry     hash, the conversion's; counts its deliveries
-- KEYS[3]  due       sorted set of deliveries, id by the time at which it is due
-- ARGV[1]  token     ours
-- ARGV[2]  lease_ms  how long the key lives if it is not renewed
-- ARGV[3]  id        the conversion's
-- ARGV[4]  version   the newest version of an entry that we understand
-- returns            {0} another delivers it, it is gone, or not ours to understand;
--                    {1, now, fields} we do

local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] or redis.call('HEXISTS', KEYS[2], 'request') == 0
    or (tonumber(redis.call('HGET', KEYS[2], 'v') or '1') or 1) > tonumber(ARGV[4]) then
  return {0}
end
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
if not holder then
  -- Refused where it is no number, before anything else is written.
  redis.call('HINCRBY', KEYS[2], 'deliveries', 1)
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  -- If we die: whoever comes before the lease has lapsed finds another at it.
  redis.call('ZADD', KEYS[3], 'XX', 'GT', string.format('%.6f', now + ARGV[2] / 1000 + 0.1), ARGV[3])
end
return {1, string.format('%.6f', now), redis.call('HGETALL', KEYS[2])}
