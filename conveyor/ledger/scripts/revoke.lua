-- Note that an id was revoked before its conversion has begun, so that it never begins.
--
-- KEYS[1]  entry    hash, the conversion's
-- KEYS[2]  revoked  sorted set, ids by the time at which they were revoked
-- ARGV[1]  id
-- ARGV[2]  keep_s   seconds for which it is noted
-- ARGV[3]  most     so many are noted, the latest
-- returns           1 where there is such a conversion, and nothing is noted; else 0

if redis.call('EXISTS', KEYS[1]) == 1 then return 1 end
local now = tonumber(redis.call('TIME')[1])
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - tonumber(ARGV[2]))
redis.call('ZREMRANGEBYRANK', KEYS[2], 0, -tonumber(ARGV[3]) - 1)
redis.call('EXPIRE', KEYS[2], ARGV[2])
return 0
