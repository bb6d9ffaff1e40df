-- Note conversions whose entry is gone: Redis has evicted it, or somebody has deleted it.
--
-- begins with bell.lua
--
-- KEYS[1]  lost     sorted set, id by the time at which it was noticed
-- KEYS[2]  counts   hash, what has happened so far, by name
-- KEYS[3…5]  due    sorted sets, id by the time at which it is due
-- KEYS[6…] indexes  sorted sets of ids, from which they are taken out
-- ARGV[1]  prefix   of all keys
-- ARGV[2]  most     so many are remembered, the latest
-- ARGV[3…] ids
-- returns  of each that was not noticed before: the id, and 1 where its caller does not know the
--          outcome

local accounts = redis.call('SMEMBERS', ARGV[1] .. 'accounts')
local time = redis.call('TIME')[1]
local noticed, new = {}, 0
for place = 3, #ARGV do
  local id = ARGV[place]
  -- It may have been accepted in this very moment.
  if redis.call('EXISTS', ARGV[1] .. 'conversion:' .. id) == 0 then
    local was_due = 0
    for index = 3, 5 do was_due = math.max(was_due, redis.call('ZREM', KEYS[index], id)) end
    for index = 6, #KEYS do redis.call('ZREM', KEYS[index], id) end
    for _, account in ipairs(accounts) do end_job(ARGV[1], account, id) end
    redis.call('DEL', ARGV[1] .. 'events:' .. id)
    if redis.call('ZADD', KEYS[1], 'NX', time, id) == 1 then
      new = new + 1
      table.insert(noticed, id)
      table.insert(noticed, was_due)
    end
  end
end
if new > 0 then
  redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[2]))
  redis.pcall('HINCRBY', KEYS[2], 'lost', new)
end
return noticed
