-- One transition of one conversion: checked, written, indexed and announced in one atomic step.
--
-- begins with bell.lua
-- begins with rate.lua
-- begins with leaving.lua
-- begins with notice.lua
-- begins with KIND_OF
--
-- A script is not rolled back. So whatever can fail is read and computed before the first write.
--
-- KEYS[1]  entry      hash, the conversion's
-- KEYS[2]  submits    sorted set, id of what is to be submitted by the time at which it is due
-- KEYS[3]  dead       sorted set, id of each dead letter by the time it became one
-- KEYS[4]  turnstile  string, the token of whoever talks to the service for it, or `left`
-- KEYS[5]  counts     hash, what has happened so far, by name
-- KEYS[6]  delivery   string, the token of whoever delivers it
-- KEYS[7]  events     list, its changes of state, the oldest first
-- KEYS[8]  changed    channel, told the id of whatever changes
-- KEYS[9]  staging    sorted set, tokens of staged folders that no conversion owns
-- KEYS[10] leftovers  sorted set, ids of what is to be deleted at the service, by the next try
-- KEYS[11] records    hash, by id: what `add_leftovers.lua` notes of each
-- KEYS[12] revoked    sorted set, ids that were revoked before they began
-- KEYS[13] signed     set, tokens of those staged folders that signatures share
-- KEYS[14] polls      sorted set, the same of what is to be polled
-- KEYS[15] deliveries sorted set, the same of what is to be brought to its caller
-- KEYS[16] key        string, an idempotency key; absent where there is none
-- ARGV[1]  id
-- ARGV[2]  token of this call: a repeat of it (its reply was lost) is answered as the first was
-- ARGV[3]  the transition, JSON:
--   version      the newest version of an entry that the caller understands
--   leaves       states it may leave; "" means that there is no entry yet
--   guards       fields that must hold these values; "" stands for an absent field
--   holder       token that the delivery's lease must hold
--   owns         tokens of staged folders that are the conversion's from now on; all must be there
--   takes        the same, of those that are there; those that signatures share are kept for them
--   sign_s       how long these are kept from now on, seconds; the entry notes it in `shared`
--   bind_key     value and keep_s: the key is the conversion's from now on
--   free_key     value: the key is nobody's any more, if it holds this
--   enter        token and for_ms: enter the turnstile; refused while another is in
--   take         token and for_ms: become the one who delivers it
--   unless_revoked  true: refused where its id was revoked
--   deadline     at, a time, or after_s, seconds from now on: by when it must have begun
--   in_time      true: refused once its deadline has passed; late: refused before
--   set, add     fields to write, counters to raise
--   stamp        fields to set to now; first: the same, where the field is absent
--   unset        fields to remove
--   makes_room   true: unless the service has its job, others may have its place among the jobs
--   took         true: the service has taken a submit, which tells how fast the account may go
--   due_in       seconds from now until it is due, or false for never; absent: left as it is
--   due_received_in  the same, where the webhook has called meanwhile
--   due_first    true: it is due now, before all that were accepted later
--   unrung       true: its bell could not be sent, so that others ring
--   bell         true: a bell has to be rung for it; 'webhook_received': the same, if the webhook has called
--   dead         true to index as a dead letter now, false to take out; absent: left as it is
--   counts       what to count: name and how many
--   timed        since, le, sum, bounds: count the seconds from a field to now in a histogram
--   leftovers    list of {id, record, life_s, wait_s}: what is to be deleted at the service, as
--                add_leftovers.lua has it
--   keep_s       seconds until the entry is forgotten; 0: never; below: now
--   entomb       true: what stays is a tombstone, the fields of `set` and STAYS alone. Its events, its
--                idempotency key and its places in indexes go
--   erase_in     seconds until a worker removes what it has left elsewhere
--   keep_files_s seconds until its files are removed; false: they are
--   keep_events  how many events to keep
--   states_alone true: of the events, only those that changed the state, without notes
--   silent       true: no fields are asked back
--   unnoticed    true: its notices go, for it was not accepted, or it is deleted
--   release      token: end the lease of the delivery, whatever becomes of the transition
--   leave        token and for_ms: leave the turnstile, whatever becomes of the transition; it stays
--                closed for so long, 0: it is open
-- ARGV[4]  prefix  what the names begin with that depend on what the entry says
-- returns        {1, now, fields, kind, wait, room, notify} when done: for what kind a bell has to
--                come, in how many seconds, -1 where none has to be sent, and the same for what
--                waits for a place among the account's jobs; behind it the same for a notice, where
--                a bell has to come;
--                {0, now, {}} when refused,
--                {-1, now, {}} when what it would own is gone, {-2, now, {}} when it was revoked,
--                {-3, now, {value}} when the key is another conversion's

local change = cjson.decode(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
-- Lua would write 17 digits as 1.7e9: too few.
local now_text = string.format('%.6f', now)

local function field(name)
  return redis.call('HGET', KEYS[1], name) or ''
end
local state = field('state')

local wait_s, bell_kind, room_s, notify_s = -1, '', -1, -1

local function answer(done)
  if done < 1 then return {done, now_text, {}} end
  local fields = change.silent and {} or redis.call('HGETALL', KEYS[1])
  local said = {done, now_text, fields, bell_kind, string.format('%.6f', wait_s),
    string.format('%.6f', room_s)}
  if notify_s >= 0 then table.insert(said, string.format('%.6f', notify_s)) end
  return said
end

-- What is let go is let go in any case: single commands, which nothing below can leave half done.
if change.leave then leave_turnstile(KEYS[4], change.leave.token, change.leave.for_ms) end
local holder = redis.call('GET', KEYS[6])
if change.release and holder == change.release then
  redis.call('DEL', KEYS[6])
end

if field('token') == ARGV[2] then
  return answer(1)
end

-- 1. May it be done?

local bound = (change.bind_key or change.free_key) and redis.call('GET', KEYS[16])
if change.bind_key and bound and bound ~= change.bind_key.value then
  return {-3, now_text, {bound}}
end

local allowed = (tonumber(field('v')) or 1) <= change.version
if allowed then
  allowed = false
  for _, leaves in ipairs(change.leaves) do
    if state == leaves then allowed = true end
  end
end
for name, value in pairs(change.guards or {}) do
  if field(name) ~= value then allowed = false end
end
if change.holder and holder ~= change.holder then allowed = false end
local inside = redis.call('GET', KEYS[4])
if change.enter and inside and inside ~= 'left' and inside ~= change.enter.token then
  allowed = false
end
local deadline_at = tonumber(field('deadline_at'))
local is_late = deadline_at and now >= deadline_at
if (change.in_time and is_late) or (change.late and not is_late) then allowed = false end
if not allowed then
  return answer(0)
end
if change.unless_revoked and redis.call('ZSCORE', KEYS[12], ARGV[1]) then
  return answer(-2)
end
for _, staged in ipairs(change.owns or {}) do
  if not redis.call('ZSCORE', KEYS[9], staged) or redis.call('SISMEMBER', KEYS[13], staged) == 1 then
    return answer(-1)
  end
end

-- 2. What would be written? Nothing here writes, and what fails here has changed nothing.

local MOST = 9007199254740991
local function raised(name, by)
  local sum = tonumber(redis.call('HGET', KEYS[1], name) or '0') + tonumber(by)
  if sum ~= math.floor(sum) or math.abs(sum) > MOST then
    error('the counter ' .. name .. ' is out of bounds')
  end
  return string.format('%.0f', sum)
end
-- What is counted for everybody stops nobody: from a damaged count on it is counted anew.
local function counted(name, by)
  local sum = (tonumber(redis.call('HGET', KEYS[5], name) or '0') or 0) + tonumber(by)
  if not (sum >= 0) then sum = tonumber(by) end
  return string.format('%.0f', math.min(math.floor(sum), MOST))
end

-- The rows by which it is found: they are written when it is accepted, and go with its entry.
local rows = {}
if state == '' or change.entomb or (change.keep_s and change.keep_s < 0) then
  local found_by = state == '' and change.set and change.set.found_by or field('found_by')
  local accepted = state == '' and now_text or field('created_at')
  for hash in string.gmatch(found_by, '%x+') do table.insert(rows, hash .. accepted .. ARGV[1]) end
end

local entered = change.set and change.set.state or state
local created_at = tonumber(field('created_at')) or now
local note = field('note')
local was_dead_of = nil
if change.dead ~= nil and field('failure') ~= '' then
  local is_whole, failure = pcall(cjson.decode, field('failure'))
  was_dead_of = is_whole and type(failure) == 'table' and failure.kind or nil
end
local dead_of = change.dead and cjson.decode(change.set.failure).kind

local owned, shared = {}, {}
for _, tokens in ipairs({change.owns or {}, change.takes or {}}) do
  for _, staged in ipairs(tokens) do
    local is_shared = redis.call('SISMEMBER', KEYS[13], staged) == 1
    table.insert(is_shared and shared or owned, staged)
  end
end

-- Of a deleted conversion: when that was, and what is still to be deleted at the service.
local STAYS = {deleted_at = true, left = true}

local fields = {token = ARGV[2]}
if #shared > 0 then fields.shared = '1' end
for name, value in pairs(change.set or {}) do fields[name] = value end
if change.deadline then
  deadline_at = change.deadline.at or now + change.deadline.after_s
  fields.deadline_at = string.format('%.6f', deadline_at)
end
for name, by in pairs(change.add or {}) do fields[name] = raised(name, by) end
for _, name in ipairs(change.stamp or {}) do fields[name] = now_text end
for _, name in ipairs(change.first or {}) do
  if field(name) == '' then fields[name] = now_text end
end

local counts = change.counts or {}
if change.timed then
  local seconds = math.max(now - (tonumber(field(change.timed.since)) or now), 0)
  for _, bound in ipairs(change.timed.bounds) do
    if bound == 'inf' or seconds <= tonumber(bound) then
      counts[change.timed.le .. ':' .. bound] = 1
      break
    end
  end
  counts[change.timed.sum] = math.floor(seconds * 1000 + 0.5)
end
for name, by in pairs(counts) do counts[name] = counted(name, by) end

local leftovers = {}
for _, row in ipairs(change.leftovers or {}) do
  local first_try = string.format('%.6f', now + row.wait_s)
  local noted = string.format('%.0f 0 ', now + row.life_s) .. row.record
  table.insert(leftovers, {id = row.id, first_try = first_try, noted = noted})
  -- The hash reveals nothing. A deletion is through when none of these is left.
  fields.left = (fields.left or field('left')) .. row.id .. ' '
end
if change.keep_files_s then
  fields.files_until = string.format('%.6f', now + change.keep_files_s)
end
local its_fields = change.entomb and redis.call('HKEYS', KEYS[1]) or {}
local key_hash = change.entomb and field('key') or ''

-- Events are told, and decide nothing: what stands there and is no list makes room for them.
local events_type = redis.call('TYPE', KEYS[7]).ok
local has_events = events_type == 'list'

-- An event's id is the milliseconds, and a number that keeps two of one millisecond apart.
local event_id = nil
if entered ~= state or (fields.note or note) ~= note then
  local last = has_events and redis.call('LINDEX', KEYS[7], -1) or ''
  local last_ms, last_number = string.match(last, '^(%d+)-(%d+) ')
  local ms, number = math.floor(now * 1000), 0
  if last_ms and tonumber(last_ms) >= ms then
    ms, number = tonumber(last_ms), tonumber(last_number) + 1
  end
  event_id = string.format('%.0f-%.0f', ms, number)
end

-- A receiver hears of the ends, or of every change of state.
local notice = nil
local has_ended = KIND_OF[entered] == 'deliver' and entered ~= 'ready'
local tells = entered ~= state and not change.entomb
local notify = tells and (change.set and change.set.notify or field('notify')) or ''
local which, lane, address = string.match(notify, '^(%l+) (%S+) (%S+)$')
if which and (which == 'changes' or has_ended) then
  local function of(name) return fields[name] or field(name) end
  local before = redis.pcall('HGET', ARGV[4] .. 'notices_of:' .. ARGV[1], 'count')
  before = type(before) == 'string' and tonumber(before) or 0
  notice = {number = string.format('%.0f', math.max(before, tonumber(field('notices')) or 0) + 1)}
  fields.notices = notice.number
  notice.fields = {
    v = '1', id = 'msg_' .. redis.sha1hex(ARGV[1] .. ' ' .. ARGV[2] .. ' ' .. notice.number),
    state = entered, status = 'pending', tries = '0', at = now_text, since = now_text,
    lane = lane, url = address, cost = of('cost'), terms = of('terms'),
    name = of('source_name'),
    files = entered == 'succeeded' and of('files') or '',
    failure = entered ~= 'succeeded' and change.set and change.set.failure or '',
  }
end

-- 3. Write.

for name, value in pairs(fields) do
  redis.call('HSET', KEYS[1], name, value)
end
for _, name in ipairs(change.unset or {}) do
  redis.call('HDEL', KEYS[1], name)
end
for _, name in ipairs(its_fields) do
  if not fields[name] and not STAYS[name] then redis.call('HDEL', KEYS[1], name) end
end
if change.enter then
  redis.call('SET', KEYS[4], change.enter.token, 'PX', change.enter.for_ms)
end
if change.take then
  redis.call('SET', KEYS[6], change.take.token, 'PX', change.take.for_ms)
end
for _, staged in ipairs(owned) do
  redis.call('ZREM', KEYS[9], staged)
end
for _, staged in ipairs(shared) do
  redis.call('ZADD', KEYS[9], 'XX', string.format('%.0f', now + change.sign_s), staged)
end
if change.bind_key then
  redis.call('SET', KEYS[16], change.bind_key.value, 'EX', change.bind_key.keep_s)
elseif change.free_key and bound == change.free_key then
  redis.call('DEL', KEYS[16])
end

-- From here on names of keys are made that depend on what the entry says; all have the hash tag of
-- those above.
local forgotten = change.keep_s and change.keep_s < 0

if key_hash ~= '' then
  local key = ARGV[4] .. 'key:' .. key_hash
  local its_bound = redis.pcall('GET', key)
  -- The key may be another conversion's by now.
  if type(its_bound) == 'string' and string.sub(its_bound, 1, #ARGV[1] + 1) == ARGV[1] .. ' ' then
    redis.call('DEL', key)
  end
end
if change.erase_in then
  redis.call('ZADD', ARGV[4] .. 'erasing', string.format('%.6f', now + change.erase_in), ARGV[1])
end
if fields.files_until then
  redis.call('ZADD', ARGV[4] .. 'expiring', fields.files_until, ARGV[1])
elseif change.keep_files_s == false then
  redis.call('ZREM', ARGV[4] .. 'expiring', ARGV[1])
end

-- What the service works on counts as a job of the account; what it no longer does makes room.
local changes_jobs = change.makes_room or (change.set and change.set.state)
local account = changes_jobs and field('account') or ''
if account ~= '' and entered == 'converting' then
  redis.call('SADD', ARGV[4] .. 'jobs:' .. account, ARGV[1])
elseif account ~= '' and end_job(ARGV[4], account, ARGV[1]) then
  room_s = bell(ARGV[4], 'submit', now, now)
end

if change.took and account ~= '' then took(ARGV[4] .. 'account:' .. account, now) end

local DUE = {submit = KEYS[2], poll = KEYS[14], deliver = KEYS[15]}
local function due_of(its_state)
  local kind = KIND_OF[its_state]
  return DUE[kind or ''], kind
end

if change.unrung then
  redis.call('DEL', ARGV[4] .. 'bell:submit')
end

if notice then notify_s = add_notice(ARGV[4], ARGV[1], notice.number, now, lane, notice.fields) end
if change.unnoticed then erase_notices(ARGV[4], ARGV[1]) end

local due_in = change.due_in
if change.due_received_in and field('webhook_received') == '1' then due_in = change.due_received_in end
if due_in ~= nil then
  local key, kind = due_of(entered)
  local key_before = due_of(state)
  if key_before and (due_in == false or key_before ~= key) then redis.call('ZREM', key_before, ARGV[1]) end
  if due_in ~= false then
    local due = change.due_first and math.min(created_at, now) or now + due_in
    redis.call('ZADD', key, string.format('%.6f', due), ARGV[1])
    if change.bell == true or change.bell == 'webhook_received' and field('webhook_received') == '1' then
      wait_s, bell_kind = bell(ARGV[4], kind, now, due), kind
    end
  end
end

if was_dead_of then
  redis.call('ZREM', ARGV[4] .. 'dead:' .. was_dead_of, ARGV[1])
end
if change.dead == false then
  redis.call('ZREM', KEYS[3], ARGV[1])
elseif change.dead then
  redis.call('ZADD', KEYS[3], now_text, ARGV[1])
  redis.call('ZADD', ARGV[4] .. 'dead:' .. dead_of, now_text, ARGV[1])
end
if entered ~= state or forgotten then
  redis.call('ZREM', ARGV[4] .. 'state:' .. state, ARGV[1])
end
for _, row in ipairs(rows) do
  if state == '' then
    redis.call('ZADD', ARGV[4] .. 'metadata', 0, row)
  else
    redis.call('ZREM', ARGV[4] .. 'metadata', row)
  end
end

-- Of what has not begun the sweep sees when its deadline has passed.
local has_begun = forgotten or entered ~= 'queued'
if state == 'queued' and has_begun then
  redis.call('ZREM', ARGV[4] .. 'deadlines', ARGV[1])
elseif entered == 'queued' and entered ~= state and field('deadline_at') ~= '' then
  redis.call('ZADD', ARGV[4] .. 'deadlines', field('deadline_at'), ARGV[1])
end
if entered ~= state and not change.entomb then
  local accepted = state == '' and now or created_at
  redis.call('ZADD', ARGV[4] .. 'state:' .. entered, string.format('%.6f', accepted), ARGV[1])
end

for _, it in ipairs(leftovers) do
  if redis.call('ZADD', KEYS[10], 'NX', it.first_try, it.id) == 1 then
    redis.call('HSET', KEYS[11], it.id, it.noted)
  end
end

for name, value in pairs(counts) do
  redis.call('HSET', KEYS[5], name, value)
end
if entered == 'succeeded' and entered ~= state then
  local minute = ARGV[4] .. 'minute:' .. math.floor(now / 60)
  redis.call('INCR', minute)
  redis.call('EXPIRE', minute, 3600)
end

if not has_events and events_type ~= 'none' then
  redis.call('DEL', KEYS[7])
end
-- A conversion's followers learn of its state, and of what holds it up.
if change.entomb then
  redis.call('DEL', KEYS[7])
  redis.pcall('PUBLISH', KEYS[8], ARGV[1])
elseif event_id then
  redis.call('RPUSH', KEYS[7], event_id .. ' ' .. entered .. ' ' .. field('note'))
  -- A hint alone: a user without channels (an ACL's default) must not undo half of what was written.
  redis.pcall('PUBLISH', KEYS[8], ARGV[1])
end
if change.states_alone and has_events then
  local kept, last = {}, ''
  for _, event in ipairs(redis.call('LRANGE', KEYS[7], 0, -1)) do
    local id, its_state = string.match(event, '^(%S+) (%S+)')
    if id and its_state ~= last then
      table.insert(kept, id .. ' ' .. its_state .. ' ')
      last = its_state
    end
  end
  redis.call('DEL', KEYS[7])
  if #kept > 0 then redis.call('RPUSH', KEYS[7], unpack(kept)) end
end
redis.call('LTRIM', KEYS[7], -change.keep_events, -1)

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
