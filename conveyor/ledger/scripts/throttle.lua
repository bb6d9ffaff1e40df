-- Note that the service throttles the account: its rate falls, by more the more it is throttled.
--
-- KEYS[1]  account  hash: rate, rate_at, rate_base, second, posted, posted_before
-- KEYS[2]  counts   hash, what has happened so far, by name
-- ARGV[1]  least    the rate never falls below this, a second
-- returns           the rate, a second
--
-- Each throttle takes half of what one request is among those of a second. So where each request of a
-- second is throttled the rate is more than halved, and where one of a hundred is, it hardly changes. It
-- grows by a twentieth a second of what it was at first, and ends a minute after the last throttle.

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000

local function number(name)
  return tonumber(redis.call('HGET', KEYS[1], name) or '0') or 0
end

local second = math.floor(now)
local posted, before = number('posted'), number('posted_before')
if number('second') < second - 1 then
  posted, before = 0, 0
elseif number('second') == second - 1 then
  posted, before = 0, posted
end

local rate, base = number('rate'), number('rate_base')
if rate <= 0 then
  -- As fast as submits have gone so far; a second that has just begun tells little.
  rate = math.max(before, posted / math.max(now - second, 0.1), 1)
  base = rate
else
  rate = rate + base * 0.05 * math.max(now - number('rate_at'), 0)
end
rate = rate * (1 - 0.5 / math.max(before, posted, 1))
rate = math.max(rate, tonumber(ARGV[1]))

redis.pcall('HINCRBY', KEYS[2], 'throttles', 1)
redis.call('HSET', KEYS[1], 'rate', string.format('%.6f', rate),
  'rate_base', string.format('%.6f', base), 'rate_at', string.format('%.6f', now))
return string.format('%.3f', rate)
