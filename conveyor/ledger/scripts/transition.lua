-- One transition of one conversion: checked, written and indexed in one atomic step.
--
-- KEYS[1]  entry   hash, the conversion's
-- KEYS[2]  due     sorted set, id by the time at which something must have happened
-- KEYS[3]  dead    sorted set, id of each dead letter by the time it became one
-- KEYS[4]  turnstile  string, the token of whoever polls it
-- KEYS[5]  counts  hash, outcomes so far by name
-- KEYS[6]  delivery  string, the token of whoever delivers it
-- ARGV[1]  id
-- ARGV[2]  token of this call: a repeat of it (its reply was lost) is answered as the first was
-- ARGV[3]  the transition, JSON:
--   leaves      states it may leave; "" means that there is no entry yet
--   guards      fields that must hold these values
--   set, add    fields to write, counters to raise
--   unset       fields to remove
--   due, dead   a score to index under, or false to take out; absent: left as it is
--   count       the outcome to count
--   keep_s      seconds until the entry is forgotten; 0: never; below: now
--   silent      true: no fields are asked back
--   release     token: end the lease of the delivery, whatever becomes of the transition
--   leave       token and for_ms: leave the turnstile, whatever becomes of the transition
-- returns       {1, fields} when done, {0, {}} when refused

local change = cjson.decode(ARGV[3])
local state = redis.call('HGET', KEYS[1], 'state') or ''

local function answer(done)
  if done == 0 or change.silent then return {done, {}} end
  return {done, redis.call('HGETALL', KEYS[1])}
end

if change.leave and redis.call('GET', KEYS[4]) == change.leave.token then
  redis.call('SET', KEYS[4], 'left', 'PX', change.leave.for_ms)
end

if change.release and redis.call('GET', KEYS[6]) == change.release then
  redis.call('DEL', KEYS[6])
end

if redis.call('HGET', KEYS[1], 'token') == ARGV[2] then
  return answer(1)
end

local allowed = false
for _, leaves in ipairs(change.leaves) do
  if state == leaves then allowed = true end
end
if not allowed then
  return answer(0)
end
for field, value in pairs(change.guards or {}) do
  if redis.call('HGET', KEYS[1], field) ~= value then
    return answer(0)
  end
end

redis.call('HSET', KEYS[1], 'token', ARGV[2])
for field, value in pairs(change.set or {}) do
  redis.call('HSET', KEYS[1], field, value)
end
for field, value in pairs(change.add or {}) do
  redis.call('HINCRBY', KEYS[1], field, value)
end
for _, field in ipairs(change.unset or {}) do
  redis.call('HDEL', KEYS[1], field)
end

-- What the service works on counts as a job of the account; what it no longer does makes room. The
-- key's name is made here, as only the entry knows its account; it has the hash tag of the others.
local entered = change.set and change.set.state
local account = entered and redis.call('HGET', KEYS[1], 'account')
if account and account ~= '' then
  local count = entered == 'converting' and 'SADD' or 'SREM'
  redis.call(count, '{conveyor}:jobs:' .. account, ARGV[1])
end

local function index(key, score)
  if score == false then
    redis.call('ZREM', key, ARGV[1])
  elseif score ~= nil then
    redis.call('ZADD', key, score, ARGV[1])
  end
end
index(KEYS[2], change.due)
index(KEYS[3], change.dead)

if change.count then
  redis.call('HINCRBY', KEYS[5], change.count, 1)
end
if change.keep_s and change.keep_s < 0 then
  redis.call('DEL', KEYS[1])
elseif change.keep_s == 0 then
  redis.call('PERSIST', KEYS[1])
elseif change.keep_s then
  redis.call('EXPIRE', KEYS[1], change.keep_s)
end
return answer(1)
