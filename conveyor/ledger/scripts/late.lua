-- Say what had not begun at the service when its deadline passed, the longest ago first.
--
-- What has begun, or has no entry, is no matter of this index: it is taken out.
--
-- KEYS[1]  deadlines  sorted set, id of what has not begun by its deadline
-- ARGV[1]  limit      at most so many
-- ARGV[2]  prefix     of the entries' keys, which have the hash tag of the index
-- ARGV[3]  version    the newest version of an entry that we understand; newer ones are left alone
-- returns             their ids

local time = redis.call('TIME')
local now = string.format('%.6f', tonumber(time[1]) + tonumber(time[2]) / 1000000)
local limit = tonumber(ARGV[1])

local late = {}
-- Some more than are asked for: newer ones must not hide what stands behind them.
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 5 * limit)) do
  if #late == limit then break end
  local entry = ARGV[2] .. id
  local state, version, deadline_at
  if redis.call('TYPE', entry).ok == 'hash' then
    state, version, deadline_at = unpack(redis.call('HMGET', entry, 'state', 'v', 'deadline_at'))
  end
  if state ~= 'queued' or not deadline_at then
    redis.call('ZREM', KEYS[1], id)
  elseif (tonumber(version or '1') or 1) <= tonumber(ARGV[3]) then
    table.insert(late, id)
  end
end
return late
