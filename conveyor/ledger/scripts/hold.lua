-- Hold all submits of an account.
--
-- KEYS[1]  account   hash: held, code, because, held_since, check_s, and what claim.lua writes
-- KEYS[2]  accounts  set, the accounts that were seen
-- ARGV[1]  account   its name
-- ARGV[2]  reason    what the service says, and the cure
-- ARGV[3]  code      the service's, 0 where there is none
-- ARGV[4]  check_s   how often it is checked whether the hold can end
-- ARGV[5]  because   the reason, for a program to decide by
-- returns            1 where it was not on hold before
--
-- Submits that were under way are refused after the first one. They don't begin the hold anew.

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local is_new = redis.call('HEXISTS', KEYS[1], 'held') == 0

if is_new then
  -- How the account is, is asked at once: the refusal may be this conversion's alone.
  redis.call('HDEL', KEYS[1], 'checked_at', 'by_submit', 'counters')
  redis.call('HSET', KEYS[1], 'held_since', string.format('%.6f', now))
end
redis.call('HSET', KEYS[1], 'held', ARGV[2], 'code', ARGV[3], 'check_s', ARGV[4], 'because', ARGV[5])
redis.call('SADD', KEYS[2], ARGV[1])
return is_new and 1 or 0
