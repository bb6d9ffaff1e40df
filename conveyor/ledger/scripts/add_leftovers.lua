-- Note what is still at the service, to be deleted there. `transition.lua` does the same.
--
-- KEYS[1]  leftovers  sorted set, ids by the time of the next try
-- KEYS[2]  records    hash, by id: until when the service keeps it, failures so far, the record
-- ARGV[1]  list of {id, record, life_s, wait_s}, JSON: how long the service keeps it, and how long
--          the first try waits
-- returns  how many are new

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000

local new = 0
for _, row in ipairs(cjson.decode(ARGV[1])) do
  local first_try = string.format('%.6f', now + row.wait_s)
  local noted = string.format('%.0f 0 ', now + row.life_s) .. row.record
  if redis.call('ZADD', KEYS[1], 'NX', first_try, row.id) == 1 then
    redis.call('HSET', KEYS[2], row.id, noted)
    new = new + 1
  end
end
return new
