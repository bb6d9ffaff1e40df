-- Take a batch of what is to be deleted at the service now, and put it off for everybody else.
-- Drop what the service has removed by itself meanwhile.
--
-- KEYS[1]  leftovers  sorted set, ids by the time of the next try
-- KEYS[2]  records    hash, by id: until when the service keeps it, failures so far, the record
-- KEYS[3]  pause      string; while it exists the service wants no DELETE
-- KEYS[4]  counts     hash, what has happened so far, by name
-- ARGV[1]  batch      at most so many
-- ARGV[2]  lease_s    for how long they are the caller's, seconds
-- returns             id, failures and record of each, by turns

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local due = string.format('%.6f', now)

local function look(id)
  local noted = redis.call('HGET', KEYS[2], id) or ''
  local ends, failures, record = string.match(noted, '^(%d+) (%d+) (.*)$')
  if ends and tonumber(ends) > now then return failures, record end
end

-- Those that have waited longest are where the dead ones are.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', due, 'LIMIT', 0, ARGV[1])) do
  if not look(id) then
    redis.call('ZREM', KEYS[1], id)
    redis.call('HDEL', KEYS[2], id)
    redis.call('HINCRBY', KEYS[4], 'not_deleted', 1)
  end
end

if redis.call('EXISTS', KEYS[3]) == 1 then return {} end

-- The latest first: where many DELETEs fail, what was never tried must not wait behind them.
local claimed = {}
local ends = string.format('%.6f', now + ARGV[2])
for _, id in ipairs(redis.call('ZREVRANGEBYSCORE', KEYS[1], due, '-inf', 'LIMIT', 0, ARGV[1])) do
  redis.call('ZADD', KEYS[1], ends, id)
  local failures, record = look(id)
  if record then
    table.insert(claimed, id)
    table.insert(claimed, failures)
    table.insert(claimed, record)
  end
end
return claimed
