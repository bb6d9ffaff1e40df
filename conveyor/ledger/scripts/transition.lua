-- One transition of one conversion: checked, written, indexed and told in one atomic step.
--
-- KEYS[1]  entry   hash, the conversion's
-- KEYS[2]  due     sorted set, id by the time at which something must have happened
-- KEYS[3]  dead    sorted set, id of each dead letter by the time it became one
-- KEYS[4]  turnstile  string, the token of whoever polls it
-- KEYS[5]  counts  hash, what has happened so far, by name
-- KEYS[6]  delivery  string, the token of whoever delivers it
-- KEYS[7]  events  stream, its changes of state
-- KEYS[8]  changed  channel, told the id of whatever changes
-- KEYS[9]  staging  sorted set, tokens of staged folders that no conversion owns
-- ARGV[1]  id
-- ARGV[2]  token of this call: a repeat of it (its reply was lost) is answered as the first was
-- ARGV[3]  the transition, JSON:
--   leaves      states it may leave; "" means that there is no entry yet
--   guards      fields that must hold these values
--   owns        tokens of staged folders that are the conversion's from now on; all must be there
--   takes       the same, of those that are there
--   set, add    fields to write, counters to raise
--   unset       fields to remove
--   due, dead   a score to index under, or false to take out; absent: left as it is
--   due_called  the same as due, where the webhook has called meanwhile
--   counts      what to count: name and how many
--   keep_s      seconds until the entry is forgotten; 0: never; below: now
--   silent      true: no fields are asked back
--   release     token: end the lease of the delivery, whatever becomes of the transition
--   leave       token and for_ms: leave the turnstile, whatever becomes of the transition
-- returns       {1, fields} when done, {0, {}} when refused, {-1, {}} when what it would own is gone

local change = cjson.decode(ARGV[3])
local state = redis.call('HGET', KEYS[1], 'state') or ''

local function answer(done)
  if done < 1 or change.silent then return {done, {}} end
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
for _, staged in ipairs(change.owns or {}) do
  if not redis.call('ZSCORE', KEYS[9], staged) then
    return answer(-1)
  end
end

local function field(name)
  return redis.call('HGET', KEYS[1], name) or ''
end

-- The class that it is dead of, read before anything is written.
local function kind()
  local failure = field('failure')
  return failure ~= '' and cjson.decode(failure).kind or nil
end
local was_dead_of = change.dead ~= nil and kind()
local note = field('note')

redis.call('HSET', KEYS[1], 'token', ARGV[2])
for name, value in pairs(change.set or {}) do
  redis.call('HSET', KEYS[1], name, value)
end
for name, value in pairs(change.add or {}) do
  redis.call('HINCRBY', KEYS[1], name, value)
end
for _, name in ipairs(change.unset or {}) do
  redis.call('HDEL', KEYS[1], name)
end
for _, tokens in ipairs({change.owns or {}, change.takes or {}}) do
  for _, staged in ipairs(tokens) do
    redis.call('ZREM', KEYS[9], staged)
  end
end

-- From here on names of keys are made that depend on what the entry says; all have the hash tag of
-- those above.
local forgotten = change.keep_s and change.keep_s < 0
local entered = change.set and change.set.state or state

-- What the service works on counts as a job of the account; what it no longer does makes room.
local account = change.set and change.set.state and field('account') or ''
if account ~= '' then
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
index(KEYS[2], change.due_called and field('called') == '1' and change.due_called or change.due)
index(KEYS[3], change.dead)
if was_dead_of then
  redis.call('ZREM', '{conveyor}:dead:' .. was_dead_of, ARGV[1])
end
if change.dead then
  redis.call('ZADD', '{conveyor}:dead:' .. kind(), change.dead, ARGV[1])
end
if entered ~= state or forgotten then
  redis.call('ZREM', '{conveyor}:state:' .. state, ARGV[1])
end
if entered ~= state then
  redis.call('ZADD', '{conveyor}:state:' .. entered, field('created_at'), ARGV[1])
end

for name, count in pairs(change.counts or {}) do
  redis.call('HINCRBY', KEYS[5], name, count)
end
if entered == 'succeeded' and entered ~= state then
  local minute = '{conveyor}:minute:' .. math.floor(redis.call('TIME')[1] / 60)
  redis.call('INCR', minute)
  redis.call('EXPIRE', minute, 3600)
end

-- A conversion's followers learn of its state, and of what holds it up.
if entered ~= state or field('note') ~= note then
  redis.call('XADD', KEYS[7], 'MAXLEN', 200, '*', 'state', entered, 'note', field('note'))
  -- A hint alone: a user without channels (an ACL's default) must not undo half of what was written.
  redis.pcall('PUBLISH', KEYS[8], ARGV[1])
end

for _, key in ipairs({KEYS[1], KEYS[7]}) do
  if forgotten then
    redis.call('DEL', key)
  elseif change.keep_s == 0 then
    redis.call('PERSIST', key)
  elseif change.keep_s then
    redis.call('EXPIRE', key, change.keep_s)
  end
end
return answer(1)
