-- Take a batch of what is to be deleted at the service now, and put it off for everybody else.
-- Drop what the service has removed by itself meanwhile.
--
-- KEYS[1]  leftovers  sorted set, records by the time of the next try
-- KEYS[2]  pause      string; while it exists the service wants no DELETE
-- KEYS[3]  counts     hash, what has happened so far, by name
-- ARGV[1]  batch      at most so many
-- ARGV[2]  lease_s    for how long they are the caller's, seconds
-- returns             the records

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local due = string.format('%.6f', now)

local function is_over(record)
  local readable, plain = pcall(cjson.decode, record)
  local ends = readable and type(plain) == 'table' and tonumber(plain['until'])
  return not ends or ends <= now
end

-- Those that have waited longest are where the dead ones are.
for _, record in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', due, 'LIMIT', 0, ARGV[1])) do
  if is_over(record) then
    redis.call('ZREM', KEYS[1], record)
    redis.call('HINCRBY', KEYS[3], 'not_deleted', 1)
  end
end

if redis.call('EXISTS', KEYS[2]) == 1 then return {} end

-- The latest first: where many DELETEs fail, those that were never tried must not wait behind them.
local claimed = redis.call('ZREVRANGEBYSCORE', KEYS[1], due, '-inf', 'LIMIT', 0, ARGV[1])
local ends = string.format('%.6f', now + ARGV[2])
for _, record in ipairs(claimed) do
  redis.call('ZADD', KEYS[1], ends, record)
end
return claimed
