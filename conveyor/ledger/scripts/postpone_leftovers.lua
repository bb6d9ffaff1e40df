-- Set the next try of what could not be deleted. One that another has cleared stays cleared.
--
-- KEYS[1]  leftovers  sorted set, records by the time of the next try
-- ARGV[1]  wait_s     until the next try, seconds
-- ARGV[2…] the records by turns: as they stand, and as they shall stand
-- returns             how many there were

local time = redis.call('TIME')
local next_try = string.format('%.6f', tonumber(time[1]) + tonumber(time[2]) / 1000000 + ARGV[1])
local found = 0
for place = 2, #ARGV, 2 do
  if redis.call('ZREM', KEYS[1], ARGV[place]) == 1 then
    redis.call('ZADD', KEYS[1], next_try, ARGV[place + 1])
    found = found + 1
  end
end
return found
