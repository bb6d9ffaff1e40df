-- Put off when conversions are overdue: somebody works on them.
--
-- KEYS[1]  due     sorted set, id by the time at which something must have happened
-- ARGV[1]  for_s   seconds from now on
-- ARGV[2…] ids     those that are not in the index are left alone
-- returns          nothing

local time = redis.call('TIME')
local until_s = string.format('%.6f', tonumber(time[1]) + tonumber(time[2]) / 1000000 + tonumber(ARGV[1]))
for place = 2, #ARGV do
  redis.call('ZADD', KEYS[1], 'XX', 'GT', until_s, ARGV[place])
end
