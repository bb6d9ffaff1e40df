-- Take a batch of overdue conversions for one sweeper, and put them off for the others.
--
-- KEYS[1]  due     sorted set, id by the time at which something must have happened
-- ARGV[1]  now     seconds since the epoch
-- ARGV[2]  until   the time until which no other sweep touches them
-- ARGV[3]  batch   at most so many
-- returns          the ids

local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, id in ipairs(ids) do
  redis.call('ZADD', KEYS[1], ARGV[2], id)
end
return ids
