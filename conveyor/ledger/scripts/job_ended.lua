-- Note that the service has called: the job has ended, it says. Find out if a poll shall come now.
--
-- begins with bell.lua
--
-- KEYS[1]  entry      hash, the conversion's; remembers the call until the next poll begins
-- KEYS[2]  turnstile  string, the token of whoever polls it, or `left`
-- KEYS[3]  due        sorted set of polls, id by the time at which it is due
-- ARGV[1]  id         the conversion's
-- ARGV[2]  job_id     the job's, as the call names it; empty where it names none
-- ARGV[3]  prefix     of all keys
-- ARGV[4]  version    the newest version of an entry that we understand
-- returns             the seconds until a bell has to come, -1 where none has to be sent, and now

if redis.call('HGET', KEYS[1], 'state') ~= 'converting'
    or redis.call('HGET', KEYS[1], 'webhook_received') == '1'
    or (tonumber(redis.call('HGET', KEYS[1], 'v') or '1') or 1) > tonumber(ARGV[4]) then
  return {'-1', ''}
end
local confirmed = redis.call('HGET', KEYS[1], 'confirmed') == '1'
-- Before the submit's answer is noted nobody knows which id the service has given the job.
if confirmed and ARGV[2] ~= '' and redis.call('HGET', KEYS[1], 'job_id') ~= ARGV[2] then
  return {'-1', ''}
end
redis.call('HSET', KEYS[1], 'webhook_received', 1)
local holder = redis.call('GET', KEYS[2])
-- A request for the job is in flight: whoever notes its answer finds the call, and looks again. Or
-- nobody knows yet if the service has the job: then the next poll has a bell of its own.
if not confirmed or (holder and holder ~= 'left') then
  return {'-1', ''}
end
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local due = now + math.max(redis.call('PTTL', KEYS[2]), 0) / 1000
local known = redis.call('ZSCORE', KEYS[3], ARGV[1])
if not known then return {'-1', ''} end
-- A fallback poll that was due before has no bell of its own.
due = math.min(due, tonumber(known))
redis.call('ZADD', KEYS[3], string.format('%.6f', due), ARGV[1])
return {string.format('%.6f', bell(ARGV[3], 'poll', now, due)), string.format('%.6f', now)}
