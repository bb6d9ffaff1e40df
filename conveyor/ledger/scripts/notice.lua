-- What the scripts of notices begin with. A notice is one event of a conversion on its way to the
-- address that its caller gave as `callback`.
--
-- It needs bell.lua before it.
--
-- All notices of a conversion lie in one hash. A notice's number stands before each of its fields.
-- A member of the sorted sets is `<number> <conversion's id>`.

-- So long the hash stays after its last notice has ended.
local KEEP_NOTICES_S = 864000
local MOST_TRIES = 100

local function notices_of(prefix, id) return prefix .. 'notices_of:' .. id end

local function lane_of(prefix, lane) return prefix .. 'notices:lane:' .. lane end

local function under_way_at(prefix, lane) return prefix .. 'notices:under_way:' .. lane end

local function date_text(date) return string.format('%.6f', date) end

-- How many of a receiver's notices may be under way: one, where it has just been slow.
local function most_of(prefix, lane, most)
  if redis.call('EXISTS', prefix .. 'notices:slow:' .. lane) == 1 then return 1 end
  return tonumber(most)
end

-- Set the date at which a receiver's next notice is due and may go. A receiver that was just served
-- goes behind those that are due already, so that none starves another.
-- returns the date, nil where nothing is left for it
local function date_lane(prefix, lane, now, most)
  local due = prefix .. 'due:notify'
  local first = redis.call('ZRANGE', lane_of(prefix, lane), 0, 0, 'WITHSCORES')[2]
  if not first then
    redis.call('ZREM', due, lane)
    return nil
  end
  local date = math.max(tonumber(first), now)
  local under_way = under_way_at(prefix, lane)
  redis.call('ZREMRANGEBYSCORE', under_way, '-inf', date_text(now))
  if redis.call('ZCARD', under_way) >= most_of(prefix, lane, most) then
    date = math.max(date, tonumber(redis.call('ZRANGE', under_way, 0, 0, 'WITHSCORES')[2]))
  end
  redis.call('ZADD', due, date_text(date), lane)
  return date
end

-- Make a notice due now.
-- returns the seconds after which a bell has to come, -1 where none has to be sent
local function notify_now(prefix, lane, member, now)
  redis.call('ZADD', lane_of(prefix, lane), date_text(now), member)
  local date = redis.call('ZSCORE', prefix .. 'due:notify', lane)
  if not date or tonumber(date) > now then
    redis.call('ZADD', prefix .. 'due:notify', date_text(now), lane)
  end
  return bell(prefix, 'notify', now, now)
end

-- Take a notice out of all that leads to it.
local function take_out(prefix, lane, member)
  if lane then
    redis.call('ZREM', lane_of(prefix, lane), member)
    redis.call('ZREM', under_way_at(prefix, lane), member)
  end
  for _, status in ipairs({'pending', 'received', 'given_up'}) do
    redis.call('ZREM', prefix .. 'notices:' .. status, member)
  end
end

-- Forget all notices of a conversion.
-- returns how many there were
local function erase_notices(prefix, id)
  local key = notices_of(prefix, id)
  local count = redis.call('TYPE', key).ok == 'hash' and tonumber(redis.call('HGET', key, 'count')) or 0
  for number = 1, math.min(count, 10000) do
    take_out(prefix, redis.call('HGET', key, number .. ':lane') or nil, number .. ' ' .. id)
  end
  redis.call('DEL', key, prefix .. 'tries_of:' .. id)
  return count
end

-- Write a notice. Whoever calls has computed its number before any write.
-- returns as notify_now
local function add_notice(prefix, id, number, now, lane, fields)
  local key, member = notices_of(prefix, id), number .. ' ' .. id
  local kind = redis.call('TYPE', key).ok
  if kind ~= 'hash' and kind ~= 'none' then redis.call('DEL', key) end
  for name, value in pairs(fields) do redis.call('HSET', key, number .. ':' .. name, value) end
  redis.call('HSET', key, 'count', number)
  redis.pcall('HINCRBY', key, 'pending', 1)
  redis.call('PERSIST', key)
  redis.call('ZADD', prefix .. 'notices:pending', date_text(now), member)
  -- What has ended long ago makes room.
  local old = date_text(now - KEEP_NOTICES_S)
  for _, status in ipairs({'received', 'given_up'}) do
    local index = prefix .. 'notices:' .. status
    for _, gone in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', old, 'LIMIT', 0, 4)) do
      redis.call('ZREM', index, gone)
    end
  end
  return notify_now(prefix, lane, member, now)
end

-- Note that a notice has ended.
local function end_notice(prefix, id, number, now, status)
  local key, member = notices_of(prefix, id), number .. ' ' .. id
  local at = tonumber(redis.call('HGET', key, number .. ':at')) or now
  take_out(prefix, redis.call('HGET', key, number .. ':lane') or nil, member)
  redis.call('HSET', key, number .. ':status', status, number .. ':ended_at', date_text(now))
  redis.call('ZADD', prefix .. 'notices:' .. status, date_text(at), member)
  if redis.call('HINCRBY', key, 'pending', -1) <= 0 then redis.call('EXPIRE', key, KEEP_NOTICES_S) end
end
