-- Ask whether a conversion may be submitted now: one answer for the account and the whole fleet.
--
-- KEYS[1]  account   hash: held, checked_at, by_submit, prober, others_at, well_at, throttles,
--                    throttled_until, foreign_ids
-- KEYS[2]  jobs      set, the conversions that the service works on for the account
-- KEYS[3]  entry     hash, the conversion's: learns its account, so that its end makes room again
-- KEYS[4]  accounts  set, the accounts that were seen
-- ARGV[1]  id        the conversion's
-- ARGV[2]  limit     of jobs at once; 0: none
-- ARGV[3]  check_s   how often a held account is checked
-- ARGV[4]  account   its name
-- ARGV[5]  version   the newest version of an entry that we understand
-- returns  {'held', reason, 1 if it is ours to ask how the account is}, {'throttled', ms}, {'full'}
--          or {'open', throttles, foreign_ids, 1 if it probes a held account, 1 if the service
--          itself ended a hold lately}, and the conversion counts as a job
--
-- A held account is checked every check_s by whoever asks first then: at /user, or where that proves
-- nothing (by_submit), by letting its submit through. Who was refused last goes first only where no
-- others wait: none has asked for two checks.

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000

local function field(name)
  -- A damaged field holds nobody up.
  return tonumber(redis.call('HGET', KEYS[1], name) or '0') or 0
end

local function set(...)
  redis.call('HSET', KEYS[1], ...)
end

local stamp = string.format('%.6f', now)
local held = redis.call('HGET', KEYS[1], 'held')
local probes = false
if held then
  local check_s = tonumber(ARGV[3])
  local was_refused = redis.call('HGET', KEYS[1], 'prober') == ARGV[1]
  if not was_refused then set('others_at', stamp) end
  if now - field('checked_at') < check_s then
    return {'held', held, 0}
  end
  if field('by_submit') == 0 then
    set('checked_at', stamp)
    return {'held', held, 1}
  end
  if was_refused and now - field('others_at') < 2 * check_s then
    return {'held', held, 0}
  end
  probes = true
end

local wait_s = field('throttled_until') - now
if wait_s > 0 then
  if held then return {'held', held, 0} end
  return {'throttled', math.ceil(wait_s * 1000)}
end

local limit = tonumber(ARGV[2])
if limit > 0 and redis.call('SISMEMBER', KEYS[2], ARGV[1]) == 0
    and redis.call('SCARD', KEYS[2]) >= limit then
  if held then return {'held', held, 0} end
  return {'full'}
end
redis.call('SADD', KEYS[4], ARGV[4])
if probes then set('checked_at', stamp, 'prober', ARGV[1]) end
if redis.call('HGET', KEYS[3], 'state') == 'queued'
    and (tonumber(redis.call('HGET', KEYS[3], 'v') or '1') or 1) <= tonumber(ARGV[5]) then
  redis.call('HSET', KEYS[3], 'account', ARGV[4])
  redis.call('SADD', KEYS[2], ARGV[1])
end
-- What a probe is refused for says nothing of its conversion.
local well = not probes and now - field('well_at') < 20 * tonumber(ARGV[3])
return {'open', field('throttles'), field('foreign_ids'), probes and 1 or 0, well and 1 or 0}
