-- Take notices that are due, a few of each receiver, and put them off for everybody else.
--
-- begins with bell.lua
-- begins with notice.lua
--
-- KEYS[1]  due       sorted set, each receiver by the date at which its next notice may go
-- KEYS[2]  counts    hash, what has happened so far, by name
-- ARGV[1]  prefix    of all keys
-- ARGV[2]  limit     at most so many
-- ARGV[3]  most      so many of one receiver may be under way in the whole fleet
-- ARGV[4]  lease_s   after so many seconds another may take what was claimed
-- ARGV[5]  rings     1 where the caller rings for what it leaves
-- ARGV[6]  at        when the bell was to come, 0 where there was none
-- ARGV[7…] names     of the fields that are asked back
-- returns  now, the seconds after which a bell has to come or -1, and of each the number, the
--          conversion's id and the fields, an absent one empty

local prefix, limit, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local ends = date_text(now + ARGV[4])
local rings = ARGV[5] == '1'
local early_s = tonumber(ARGV[6]) - now

local names = {}
for place = 7, #ARGV do table.insert(names, ARGV[place]) end

if rings then redis.call('DEL', prefix .. 'bell:notify') end

-- Take one of a receiver's notices that are due; what is gone from its hash goes from here, too.
local function take(lane, taken)
  local key, under_way = lane_of(prefix, lane), under_way_at(prefix, lane)
  redis.call('ZREMRANGEBYSCORE', under_way, '-inf', date_text(now))
  if redis.call('ZCARD', under_way) >= most_of(prefix, lane, most) then return false end
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '-inf', date_text(now), 'LIMIT', 0, 16)) do
    local number, id = string.match(member, '^(%d+) (.*)$')
    local hash = number and notices_of(prefix, id)
    local is_there = hash and redis.call('TYPE', hash).ok == 'hash'
    if is_there and redis.call('HGET', hash, number .. ':status') == 'pending' then
      redis.call('ZADD', key, ends, member)
      redis.call('ZADD', under_way, ends, member)
      local row = {number, id}
      for _, name in ipairs(names) do
        table.insert(row, redis.call('HGET', hash, number .. ':' .. name) or '')
      end
      table.insert(taken, row)
      return true
    end
    take_out(prefix, lane, member)
    redis.pcall('HINCRBY', KEYS[2], 'notices_lost', 1)
  end
  return false
end

local taken = {}
local looked_at = math.max(2 * limit, 16)
local lanes = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', date_text(now), 'LIMIT', 0, looked_at)
-- One of each by turns.
local waiting = lanes
while #taken < limit and #waiting > 0 do
  local more = {}
  for _, lane in ipairs(waiting) do
    if #taken < limit and take(lane, taken) then table.insert(more, lane) end
  end
  waiting = more
end
-- A receiver that was looked at goes behind the others.
for _, lane in ipairs(lanes) do date_lane(prefix, lane, now, most) end

local wait_s = -1
if rings then
  local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
  if early_s > 0 and #taken == 0 then
    wait_s = early_s
  elseif first and tonumber(first) <= now + 0.001 then
    wait_s = bell(prefix, 'notify', now, now)
  else
    pause(prefix, 'notify')
    if first then wait_s = bell(prefix, 'notify', now, tonumber(first)) end
  end
end
return {date_text(now), date_text(wait_s), taken}
