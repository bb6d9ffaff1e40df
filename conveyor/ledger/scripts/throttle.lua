-- Note that the service throttles the account: the whole fleet waits, longer each time.
--
-- KEYS[1]  account        hash: throttles, throttled_until
-- KEYS[2]  counts         hash, what has happened so far, by name
-- ARGV[1]  step_s         the first wait; then twice, then three times as long
-- ARGV[2]  retry_after_s  what the service asks for; 0 where it names nothing
-- returns                 the wait in ms

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local until_s = tonumber(redis.call('HGET', KEYS[1], 'throttled_until') or '0') or 0
local throttles = tonumber(redis.call('HGET', KEYS[1], 'throttles') or '0') or 0
local wanted_s = now + tonumber(ARGV[2])

-- Many submits learn of the same throttle: while one wait runs, they share it.
if until_s <= now then
  throttles = throttles + 1
  until_s = now + tonumber(ARGV[1]) * math.min(throttles, 3)
end
until_s = math.max(until_s, wanted_s)

redis.pcall('HINCRBY', KEYS[2], 'throttles', 1)
redis.call('HSET', KEYS[1], 'throttles', throttles,
  'throttled_until', string.format('%.6f', until_s))
return math.ceil((until_s - now) * 1000)
