-- Set the next date of what could not be done. What another has taken out stays out.
--
-- KEYS[1]  dates   sorted set, ids by their dates
-- ARGV[1]  wait_s  until then, seconds
-- ARGV[2…] the ids
-- returns          nothing

local time = redis.call('TIME')
local date = string.format('%.6f', tonumber(time[1]) + tonumber(time[2]) / 1000000 + ARGV[1])
for place = 2, #ARGV do redis.call('ZADD', KEYS[1], 'XX', date, ARGV[place]) end
