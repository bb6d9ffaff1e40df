-- Take a batch of overdue conversions for one sweeper, and put them off for the others.
--
-- KEYS[1]  due     sorted set, id by the time at which something must have happened
-- ARGV[1]  for_s   seconds for which no other sweep touches them
-- ARGV[2]  batch   at most so many
-- returns          the ids

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local until_s = string.format('%.6f', now + tonumber(ARGV[1]))
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now), 'LIMIT', 0, ARGV[2])
for _, id in ipairs(ids) do
  redis.call('ZADD', KEYS[1], until_s, id)
end
return ids
