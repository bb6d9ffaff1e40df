-- Look at an account.
--
-- begins with rate.lua
--
-- KEYS[1]  account  hash, what is known of it
-- KEYS[2]  jobs     set, the conversions that the service works on for it
-- ARGV     none
-- returns  now, its submits a second (0 where nothing bounds them), how many jobs it has, and the
--          hash, name and value by turns

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local rate, rate_at = unpack(redis.call('HMGET', KEYS[1], 'rate', 'rate_at'))

return {text_of(now), text_of(rate_of(number_of(rate), number_of(rate_at), now)),
  redis.call('SCARD', KEYS[2]), redis.call('HGETALL', KEYS[1])}
