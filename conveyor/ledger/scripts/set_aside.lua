-- Put conversions aside whose entries can't be read, so that they harm no other.
--
-- KEYS[1]  unreadable  sorted set, id by the time at which it was put aside
-- KEYS[2…] due         sorted sets, id by the time at which it is due, or by its deadline
-- ARGV     ids
-- returns              how many were put aside for the first time

local time = redis.call('TIME')
local aside = 0
for _, id in ipairs(ARGV) do
  aside = aside + redis.call('ZADD', KEYS[1], 'NX', time[1], id)
  for index = 2, #KEYS do redis.call('ZREM', KEYS[index], id) end
end
return aside
