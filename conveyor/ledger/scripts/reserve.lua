-- Begin, or begin anew, the time of the reservation of a staged folder.
--
-- KEYS[1]  staging  sorted set, tokens of staged folders that no conversion owns, by their time
-- ARGV[1]  token    the folder
-- ARGV[2]  for_s    seconds from now on
-- ARGV[3]  renew    1: only where it is still reserved
-- returns           1 where it is reserved now, else 0

if ARGV[3] == '1' and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
  return 0
end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], tonumber(time[1]) + math.floor(tonumber(ARGV[2])), ARGV[1])
return 1
