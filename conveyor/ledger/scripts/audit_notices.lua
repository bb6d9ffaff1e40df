-- Look a batch of pending notices over: one that is in no lane is due now, and one without its record
-- is taken out.
--
-- begins with bell.lua
-- begins with notice.lua
--
-- KEYS[1]  pending  sorted set, `<number> <conversion's id>` of each pending notice by its event
-- KEYS[2]  cursors  hash, where the last look at each index ended
-- KEYS[3]  counts   hash, what has happened so far, by name
-- ARGV[1]  prefix   of all keys
-- ARGV[2]  batch    about so many are looked at
-- returns  how many are due now that were in no lane, how many were taken out, the seconds after
--          which a bell has to come or -1, and now

local prefix = ARGV[1]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local due, lost, wait_s = 0, 0, -1

if redis.call('TYPE', KEYS[1]).ok ~= 'zset' then return {0, 0, '-1', date_text(now)} end
local cursor = redis.call('HGET', KEYS[2], 'notices') or '0'
local found = redis.pcall('ZSCAN', KEYS[1], cursor, 'COUNT', ARGV[2])
if found.err then
  redis.call('HDEL', KEYS[2], 'notices')
  return {0, 0, '-1', date_text(now)}
end
for place = 1, #found[2], 2 do
  local member = found[2][place]
  local number, id = string.match(member, '^(%d+) (.*)$')
  local key = number and notices_of(prefix, id)
  local is_there = key and redis.call('TYPE', key).ok == 'hash'
  local lane = is_there and redis.call('HGET', key, number .. ':lane')
  if not lane or redis.call('HGET', key, number .. ':status') ~= 'pending' then
    redis.call('ZREM', KEYS[1], member)
    lost = lost + 1
  elseif not redis.call('ZSCORE', lane_of(prefix, lane), member)
      or not redis.call('ZSCORE', prefix .. 'due:notify', lane) then
    wait_s = math.max(notify_now(prefix, lane, member, now), wait_s)
    due = due + 1
  end
end
if lost > 0 then redis.pcall('HINCRBY', KEYS[3], 'notices_lost', lost) end
redis.call('HSET', KEYS[2], 'notices', found[1])
return {due, lost, date_text(wait_s), date_text(now)}
