-- Take a batch of ids whose date has come, and put them off for everybody else.
--
-- KEYS[1]  dates    sorted set, ids by their dates
-- ARGV[1]  batch    at most so many
-- ARGV[2]  lease_s  for how long they are the caller's, seconds
-- returns           the ids, those that have waited longest first

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now), 'LIMIT', 0, ARGV[1])
for _, id in ipairs(ids) do
  redis.call('ZADD', KEYS[1], string.format('%.6f', now + ARGV[2]), id)
end
return ids
