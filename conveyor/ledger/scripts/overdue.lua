-- Say for which kinds a bell is to be rung: something is overdue, and no bell is on its way.
--
-- begins with bell.lua
--
-- KEYS[1…] due       sorted sets, id by the time at which it is due
-- ARGV[1]  prefix    of all keys
-- ARGV[2]  grace_s   how long after its time something is overdue
-- ARGV[3…] kinds     of the sorted sets, in their order
-- returns  the kinds, and how many are overdue of each, by turns

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local late = string.format('%.6f', now - tonumber(ARGV[2]))

local rings = {}
for place, key in ipairs(KEYS) do
  local count = redis.call('ZCOUNT', key, '-inf', late)
  if count > 0 and bell(ARGV[1], ARGV[place + 2], now, now) >= 0 then
    table.insert(rings, ARGV[place + 2])
    table.insert(rings, count)
  end
end
return rings
