-- Note what became of one try of a notice, and when the next one is due.
--
-- begins with bell.lua
-- begins with notice.lua
--
-- KEYS[1]  notices   hash, the conversion's
-- KEYS[2]  tries     list, the log of its tries, the oldest first
-- KEYS[3]  counts    hash, what has happened so far, by name
-- ARGV[1]  prefix    of all keys
-- ARGV[2]  id        the conversion's
-- ARGV[3]  number    the notice's
-- ARGV[4]  tries     before this one: of a repeat, or of one whose lease has lapsed, nothing is noted
-- ARGV[5]  outcome   received, given_up or again
-- ARGV[6]  wait_s    until the next try
-- ARGV[7]  most_s    after so long no further try is begun
-- ARGV[8]  most      so many of one receiver may be under way in the whole fleet
-- ARGV[9]  slow_s    for so long the receiver gets one at a time; 0: it was not slow
-- ARGV[10] line      of the log, without its time
-- ARGV[11] reason    why it has failed, empty where it was received
-- returns  the notice's status, empty where there is none; the seconds after which a bell has to
--          come or -1; and now

local prefix, id, number = ARGV[1], ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local member = number .. ' ' .. id

local function field(name) return redis.call('HGET', KEYS[1], number .. ':' .. name) or '' end

if redis.call('TYPE', KEYS[1]).ok ~= 'hash' or field('lane') == '' then
  return {'', '-1', date_text(now)}
end
local lane, status = field('lane'), field('status')
local tries = tonumber(field('tries')) or 0
local since = tonumber(field('since')) or now
local outcome = ARGV[5]
local is_late = tries ~= tonumber(ARGV[4])
if status ~= 'pending' or (is_late and outcome ~= 'received') then
  return {status, '-1', date_text(now)}
end
local left_s = since + tonumber(ARGV[7]) - now
if outcome == 'again' and left_s <= 0 then outcome = 'given_up' end
local wait_s = math.max(math.min(tonumber(ARGV[6]), left_s), 1)

redis.call('ZREM', under_way_at(prefix, lane), member)
redis.call('HSET', KEYS[1], number .. ':tries', string.format('%.0f', tries + 1),
  number .. ':reason', ARGV[11])
local log_type = redis.call('TYPE', KEYS[2]).ok
if log_type ~= 'list' and log_type ~= 'none' then redis.call('DEL', KEYS[2]) end
redis.call('RPUSH', KEYS[2], date_text(now) .. ' ' .. ARGV[10])
redis.call('LTRIM', KEYS[2], -MOST_TRIES, -1)
redis.call('EXPIRE', KEYS[2], KEEP_NOTICES_S)
if tonumber(ARGV[9]) > 0 then
  redis.call('SET', prefix .. 'notices:slow:' .. lane, 1, 'EX', ARGV[9])
end

if outcome == 'again' then
  redis.call('ZADD', lane_of(prefix, lane), date_text(now + wait_s), member)
  redis.pcall('HINCRBY', KEYS[3], 'notices_again', 1)
else
  end_notice(prefix, id, number, now, outcome)
  redis.pcall('HINCRBY', KEYS[3], 'notices_' .. outcome, 1)
end
local date = date_lane(prefix, lane, now, ARGV[8])
local rings_in = -1
-- For what is due now whoever notes this asks again.
if date and date > now + 0.001 then rings_in = bell(prefix, 'notify', now, date) end
return {outcome == 'again' and 'pending' or outcome, date_text(rings_in), date_text(now)}
