-- Put conversions aside whose entries can't be read, so that they harm no other.
--
-- KEYS[1]  due         sorted set, id by the time at which something must have happened
-- KEYS[2]  unreadable  sorted set, id by the time at which it was put aside
-- ARGV     ids
-- returns              how many were put aside for the first time

local time = redis.call('TIME')
local aside = 0
for _, id in ipairs(ARGV) do
  aside = aside + redis.call('ZADD', KEYS[2], 'NX', time[1], id)
  redis.call('ZREM', KEYS[1], id)
end
return aside
