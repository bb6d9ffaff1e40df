-- Ask whether a conversion may be submitted now: one answer for the account and the whole fleet.
--
-- KEYS[1]  account   hash: held, checked_at, throttles, throttled_until, foreign_ids
-- KEYS[2]  jobs      set, the conversions that the service works on for the account
-- KEYS[3]  entry     hash, the conversion's: learns its account, so that its end makes room again
-- KEYS[4]  accounts  set, the accounts that were seen
-- ARGV[1]  id        the conversion's
-- ARGV[2]  limit     of jobs at once; 0: none
-- ARGV[3]  check_s   how often a held account is checked
-- ARGV[4]  account   its fingerprint
-- returns  {'held', reason, 1 if it is ours to check}, {'throttled', ms}, {'full'}
--          or {'open', throttles, foreign_ids}, and the conversion counts as a job

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000

local function field(name)
  return tonumber(redis.call('HGET', KEYS[1], name) or '0')
end

local held = redis.call('HGET', KEYS[1], 'held')
if held then
  local check = now - field('checked_at') > tonumber(ARGV[3])
  if check then redis.call('HSET', KEYS[1], 'checked_at', now) end
  return {'held', held, check and 1 or 0}
end

local wait_s = field('throttled_until') - now
if wait_s > 0 then
  return {'throttled', math.ceil(wait_s * 1000)}
end

local limit = tonumber(ARGV[2])
if limit > 0 and redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 0
    and redis.call('SCARD', KEYS[2]) >= limit then
  return {'full'}
end
redis.call('SADD', KEYS[4], ARGV[4])
if redis.call('HGET', KEYS[3], 'state') == 'queued' then
  redis.call('HSET', KEYS[3], 'account', ARGV[4])
  redis.call('SADD', KEYS[2], ARGV[1])
end
return {'open', field('throttles'), field('foreign_ids')}
