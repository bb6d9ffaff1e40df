-- Keep a staged folder for a signature, or begin its time anew.
--
-- KEYS[1]  staging  sorted set, tokens of staged folders that no conversion owns, by their time
-- KEYS[2]  signed   set, those of them that signatures share
-- ARGV[1]  token    the folder
-- ARGV[2]  for_s    seconds from now on
-- returns           1 where it is kept now; 0 where it has run out, or is a conversion's

local kept_until = tonumber(redis.call('TIME')[1]) + tonumber(ARGV[2])
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return 0
end
redis.call('ZADD', KEYS[1], kept_until, ARGV[1])
redis.call('SADD', KEYS[2], ARGV[1])
return 1
