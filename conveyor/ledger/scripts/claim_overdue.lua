-- Take a batch of overdue conversions for one sweeper, and put them off for the others.
--
-- What a newer version has written is left to its own workers for a while. What they have not taken
-- by then is put off, so that it never stands in the way of the others for long.
--
-- KEYS[1]  due      sorted set, id by the time at which something must have happened
-- ARGV[1]  for_s    seconds for which no other sweep touches them
-- ARGV[2]  batch    at most so many are looked at
-- ARGV[3]  prefix   of the entries' keys, which have the hash tag of the index
-- ARGV[4]  version  the newest version of an entry that we understand
-- ARGV[5]  leave_s  seconds for which what is newer is left alone, and then put off
-- ARGV[6]  skip     so many at the front were looked at before, and left
-- returns  {the ids, how many were looked at, how many at the front are left, ids of what is newer}

-- No version is higher: then it is damaged.
local MOST_VERSION = 1000

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local until_s = string.format('%.6f', now + tonumber(ARGV[1]))
local put_off = string.format('%.6f', now + tonumber(ARGV[5]))

local function is_newer(id)
  local version = redis.pcall('HGET', ARGV[3] .. id, 'v')
  if type(version) ~= 'string' or not string.match(version, '^%d+$') then return false end
  return tonumber(version) > tonumber(ARGV[4]) and tonumber(version) <= MOST_VERSION
end

local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.6f', now), 'WITHSCORES',
  'LIMIT', ARGV[6], ARGV[2])
local ids, newer, left = {}, {}, tonumber(ARGV[6])
for place = 1, #found, 2 do
  local id = found[place]
  if not is_newer(id) then
    redis.call('ZADD', KEYS[1], until_s, id)
    table.insert(ids, id)
  else
    table.insert(newer, id)
    if tonumber(found[place + 1]) < now - tonumber(ARGV[5]) then
      redis.call('ZADD', KEYS[1], put_off, id)
    else
      left = left + 1
    end
  end
end
return {ids, #found / 2, left, newer}
