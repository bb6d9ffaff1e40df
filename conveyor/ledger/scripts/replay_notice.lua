-- Send a notice again, under the id that it has, or bring a pending one forward.
--
-- begins with bell.lua
-- begins with notice.lua
--
-- KEYS[1]  notices  hash, the conversion's
-- ARGV[1]  prefix   of all keys
-- ARGV[2]  id       the conversion's
-- ARGV[3]  number   the notice's
-- returns  1, or 0 where there is none; the seconds after which a bell has to come or -1; and now

local prefix, id, number = ARGV[1], ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local member = number .. ' ' .. id

local function field(name) return redis.call('HGET', KEYS[1], number .. ':' .. name) or '' end

if redis.call('TYPE', KEYS[1]).ok ~= 'hash' or field('lane') == '' then
  return {0, '-1', date_text(now)}
end
local lane, at = field('lane'), tonumber(field('at')) or now
local is_under_way = redis.call('ZSCORE', under_way_at(prefix, lane), member)
if field('status') == 'pending' and is_under_way then return {1, '-1', date_text(now)} end
if field('status') ~= 'pending' then
  take_out(prefix, lane, member)
  redis.call('HINCRBY', KEYS[1], 'pending', 1)
  redis.call('PERSIST', KEYS[1])
end
redis.call('HSET', KEYS[1], number .. ':status', 'pending', number .. ':since', date_text(now),
  number .. ':tries', '0')
redis.call('HDEL', KEYS[1], number .. ':ended_at')
redis.call('ZADD', prefix .. 'notices:pending', date_text(at), member)
return {1, date_text(notify_now(prefix, lane, member, now)), date_text(now)}
