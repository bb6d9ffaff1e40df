-- Enter the turnstile of a conversion for one poll, if this poll is the one that is awaited.
--
-- KEYS[1]  turnstile  string, the token of whoever is in, or `left`; while it exists, nobody enters
-- KEYS[2]  entry      hash, the conversion's; forgets that the webhook has called
-- KEYS[3]  due        sorted set, id by the time at which something must have happened
-- ARGV[1]  token      ours
-- ARGV[2]  lease_ms   how long the key lives if we never leave
-- ARGV[3]  state      the state that is polled
-- ARGV[4]  number     the wake-up's number
-- ARGV[5]  id         the conversion's
-- ARGV[6]  version    the newest version of an entry that we understand
-- returns  {-2} not awaited, or not ours to understand; {ms, left, now, fields} closed for so long,
--          left is 1 where nobody is in; {-1, 0, now, fields} we are in

if redis.call('HGET', KEYS[2], 'state') ~= ARGV[3]
    or redis.call('HGET', KEYS[2], 'wakeup') ~= ARGV[4]
    or (tonumber(redis.call('HGET', KEYS[2], 'v') or '1') or 1) > tonumber(ARGV[6]) then
  return {-2}
end
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local closed_ms, left = -1, 0
-- Ours already: the first reply was lost, and we ask again.
if redis.call('GET', KEYS[1]) ~= ARGV[1] and not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  closed_ms = math.max(redis.call('PTTL', KEYS[1]), 0)
  left = redis.call('GET', KEYS[1]) == 'left' and 1 or 0
end
-- Whoever is in learns that the webhook has called: it has ended only just.
local fields = redis.call('HGETALL', KEYS[2])
if closed_ms < 0 then
  -- This poll learns what the webhook has called for; one that calls from now on wants another.
  redis.call('HDEL', KEYS[2], 'called')
  -- If we die: whoever is woken before the lease has lapsed finds the way closed.
  redis.call('ZADD', KEYS[3], 'XX', 'GT', string.format('%.6f', now + ARGV[2] / 1000 + 1), ARGV[5])
end
return {closed_ms, left, string.format('%.6f', now), fields}
