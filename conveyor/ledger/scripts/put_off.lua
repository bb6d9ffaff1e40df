-- Nobody here has room for what is due: say if a bell has to come for it later.
--
-- begins with bell.lua
--
-- KEYS[1]  due     sorted set of this kind, id by the time at which it is due
-- ARGV[1]  prefix  of all keys
-- ARGV[2]  kind    submit, poll or deliver
-- ARGV[3]  wait_s  how long until there may be room
-- ARGV[4]  at      when the bell was to come for which there is no room
-- returns          the seconds until the bell has to come, -1 where none has to be sent, and now

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local stamp = string.format('%.6f', now)
-- It has come too early, and its slot's mark keeps others from ringing.
local early_s = tonumber(ARGV[4]) - now
if early_s > 0 then return {string.format('%.6f', early_s), stamp} end
-- Where nothing is due, whoever sets a date rings.
if redis.call('ZCOUNT', KEYS[1], '-inf', stamp) == 0 then return {'-1', stamp} end
return {string.format('%.3f', bell(ARGV[1], ARGV[2], now, now + tonumber(ARGV[3]))), stamp}
