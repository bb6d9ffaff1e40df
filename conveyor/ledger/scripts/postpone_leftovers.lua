-- Set the next try of what could not be deleted. What another has taken out stays out.
--
-- KEYS[1]  leftovers  sorted set, ids by the time of the next try
-- KEYS[2]  records    hash, by id: until when the service keeps it, failures so far, the record
-- ARGV[1]  wait_s     until the next try, seconds
-- ARGV[2]  failed     1 where a DELETE has failed, 0 where none was sent
-- ARGV[3…] the ids
-- returns             how many there were

local time = redis.call('TIME')
local next_try = string.format('%.6f', tonumber(time[1]) + tonumber(time[2]) / 1000000 + ARGV[1])
local found = 0
for place = 3, #ARGV do
  local id = ARGV[place]
  local noted = redis.call('HGET', KEYS[2], id) or ''
  local ends, failures, record = string.match(noted, '^(%d+) (%d+) (.*)$')
  if ends and redis.call('ZSCORE', KEYS[1], id) then
    redis.call('ZADD', KEYS[1], next_try, id)
    redis.call('HSET', KEYS[2], id, ends .. ' ' .. string.format('%.0f', failures + ARGV[2]) .. ' ' .. record)
    found = found + 1
  end
end
return found
