-- Note that the service throttles the account, and lower its rate if it does so too often.
--
-- begins with rate.lua
--
-- KEYS[1]  account  hash: rate, rate_at, next_at, strain, taken, taken_at, taken_since
-- KEYS[2]  counts   hash, what has happened so far, by name
-- ARGV[1]  least    the rate never falls below this, a second
-- returns           the rate, a second; 0 where nothing bounds it
--
-- A throttled answer adds one to the strain, one that is taken takes away a tenth. So what throttles
-- one in twenty at random adds up to nothing. The faster submits go, the more it takes for a fall:
-- a few throttled of hundreds are chance.

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000

local account = {}
for _, name in ipairs({'rate', 'rate_at', 'strain', 'taken', 'taken_at', 'taken_since'}) do
  account[name] = number_of(redis.call('HGET', KEYS[1], name))
end

local rate = rate_of(account.rate, account.rate_at, now)
local taken = taken_of(account.taken, account.taken_at, account.taken_since, now)
local strain = math.max(account.strain, 0) + 1

redis.pcall('HINCRBY', KEYS[2], 'throttles', 1)
local fast = math.max((rate > 0 and rate or taken) - 2, 0)
if strain < math.min(1 + fast / 6, 4) then
  redis.call('HSET', KEYS[1], 'strain', text_of(strain))
  return text_of(rate)
end
local least = tonumber(ARGV[1])
local fallen, fallen_at = math.max(taken, least), now
-- Where nothing is taken, there is nothing to stay near: the first that is taken finds the way free.
if fallen == least then fallen_at = now - SLOW_S end
rate = rate_of(fallen, fallen_at, now)
redis.call('HSET', KEYS[1], 'strain', '0', 'rate', text_of(fallen), 'rate_at', text_of(fallen_at),
  'next_at', text_of(now + 1 / rate))
return text_of(rate)
