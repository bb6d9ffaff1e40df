-- Take up to so many of what is due, and enter the turnstile of each: the one way to work.
--
-- begins with bell.lua
-- begins with rate.lua
--
-- KEYS[1]  due       sorted set of this kind, id by the time at which it is due
-- KEYS[2]  account   hash; of submits alone: held, checked_at, by_submit, prober, well_at, blocked_at,
--                    full, most_jobs, foreign_ids, rate, rate_at, next_at
-- KEYS[3]  jobs      set, the conversions that the service works on for the account
-- KEYS[4]  accounts  set, the accounts that were seen
-- ARGV[1]  what is asked, JSON:
--   kind      submit, poll or deliver
--   limit     at most so many
--   at        when the bell was to come; earlier, nothing is due: the hosts' clocks differ
--   token     of this call: the turnstiles hold it while they are the caller's. A repeat of it (its
--             reply was lost) brings what the first one took
--   lease_s   for how long they are if the caller never leaves; what is taken is due again after it
--   version   the newest version of an entry that we understand
--   leave_s   what is newer is left to its own workers for so long, and then put off for as long
--   account, most_jobs, check_s, hold_s   of submits: the account's name, its limit of jobs (0: none),
--             how often a hold is checked, and how long a conversion waits for a hold to end
-- ARGV[2]  prefix    of all keys
-- returns  now, the seconds until the next bell (-1: none), those until bells of later slots, what
--          keeps the rest waiting, 1 if it is the caller's to ask how the account is, 1 if what was
--          taken probes a held account, 1 if the service itself ended a hold lately, 1 if it gives ids
--          of its own, the ids that have no entry, those whose entry can't be read, those that are
--          newer, the entries that may go, and those that have waited too long: id and fields by turns
--
-- A held account is checked every check_s: at /user, or where that proves nothing (by_submit), by
-- letting one submit through. Who was refused last goes only where no other waits.

local ask = cjson.decode(ARGV[1])
local prefix = ARGV[2]
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local stamp = string.format('%.6f', now)
local again_s = -1
local MAKES_UP_S = 0.5

local later, gone, damaged, newer, taken, spent = {}, {}, {}, {}, {}, {}
local reason, must_check, probes, is_well, has_foreign_ids = '', 0, 0, 0, 0

local function answer()
  return {stamp, string.format('%.6f', again_s), later, reason, must_check, probes, is_well,
    has_foreign_ids, gone, damaged, newer, taken, spent}
end

-- Remember what was taken for as long as the same call may come again.
local KEEP_MS = 60000
local memory = prefix .. 'claim:' .. ask.token

local function remember()
  local ids = {}
  for _, list in ipairs({taken, spent}) do
    for place = 1, #list, 2 do table.insert(ids, (list == taken and 't' or 's') .. list[place]) end
  end
  if #ids == 0 and must_check == 0 then return end
  redis.call('SET', memory, cjson.encode({must_check, probes, is_well, ids}), 'PX', KEEP_MS)
end

local function recall(remembered)
  local ids
  must_check, probes, is_well, ids = unpack(cjson.decode(remembered))
  has_foreign_ids = tonumber(redis.call('HGET', KEYS[2], 'foreign_ids') or '0') or 0
  for _, noted in ipairs(ids) do
    local into, id = string.sub(noted, 1, 1) == 't' and taken or spent, string.sub(noted, 2)
    if ask.kind == 'deliver' or redis.call('GET', prefix .. 'turnstile:' .. id) == ask.token then
      table.insert(into, id)
      table.insert(into, redis.call('HGETALL', prefix .. 'conversion:' .. id))
    end
  end
  -- What is left was rung for by a bell that nobody has sent.
  again_s = 0
  return answer()
end

local remembered = redis.call('GET', memory)
if remembered then return recall(remembered) end

if ask.at and now < ask.at then
  again_s = ask.at - now
  return answer()
end
redis.call('DEL', prefix .. 'bell:' .. ask.kind)

local function sooner(wait_s)
  if wait_s >= 0 and (again_s < 0 or wait_s < again_s) then again_s = wait_s end
end

-- Some more than are asked for: what is newer, or held up, must not hide what stands behind it.
local most = 2 * ask.limit + 50
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', stamp, 'WITHSCORES', 'LIMIT', 0, most)
if #found == 0 then return answer() end
local is_crowded = #found == 2 * most

-- 1. How many may go?

local account = {}
local function number(name) return number_of(account[name]) end

-- returns the seconds until something that happens every so often; what is farther off is damaged
local function until_next(last_at, every_s)
  local left_s = last_at + every_s - now
  return left_s <= every_s and math.max(left_s, 0) or 0
end

local room, free_jobs, prober = ask.limit, math.huge, nil
local rate, next_at = 0, now

local function hold()
  reason, room = 'held', 0
  if until_next(number('checked_at'), ask.check_s) > 0 then return end
  account.checked_at = stamp
  redis.call('HSET', KEYS[2], 'checked_at', stamp)
  if number('by_submit') == 0 then
    must_check = 1
  else
    room, probes, prober = 1, 1, account.prober
  end
end

-- At the rate of a throttled account, one goes at a time. What was not used in the last half second
-- may be made up for: bells come late.
local function slow_down()
  next_at = math.max(number('next_at'), now - MAKES_UP_S)
  -- Farther off it is damaged.
  if next_at > now + FARTHEST_S then next_at = now end
  local most = next_at <= now and math.floor((now - next_at) * rate) + 1 or 0
  if most < room then room, reason = most, 'throttled' end
end

local function admit()
  local flat = redis.call('HGETALL', KEYS[2])
  for place = 1, #flat, 2 do account[flat[place]] = flat[place + 1] end
  has_foreign_ids = number('foreign_ids')
  if math.abs(now - number('well_at')) < 20 * ask.check_s and not account.held then is_well = 1 end
  if number('most_jobs') ~= ask.most_jobs then
    redis.call('HSET', KEYS[2], 'most_jobs', ask.most_jobs)
  end
  if ask.most_jobs > 0 then
    free_jobs = ask.most_jobs - redis.call('SCARD', KEYS[3])
  end
  rate = rate_of(number('rate'), number('rate_at'), now)
  if account.held then
    hold()
  elseif rate > 0 then
    slow_down()
  end
end

if ask.kind == 'submit' then admit() end

-- 2. Take them.

local function is_newer(version)
  if not version or not string.match(version, '^%d+$') then return false end
  return tonumber(version) > ask.version and tonumber(version) <= 1000
end

local function put_off(id, due)
  redis.call('ZADD', KEYS[1], string.format('%.6f', due), id)
end

local KIND_OF = {queued = 'submit', converting = 'poll', ready = 'deliver', succeeded = 'deliver',
  failed = 'deliver', expired = 'deliver', cancelled = 'deliver'}

-- Its own workers have some time to take it. Where there are so many that nobody sees past them, they
-- let the others by.
local function leave_newer(id, due)
  table.insert(newer, id)
  if due < now - ask.leave_s then
    put_off(id, now + ask.leave_s)
  elseif is_crowded then
    put_off(id, now + LATE_MS / 1000)
  end
end

-- Returns whether it is to be taken. What is in no state of this kind was moved by hand.
local function fits(id, entry, due)
  local kind = redis.call('TYPE', entry).ok
  if kind ~= 'hash' then
    table.insert(kind == 'none' and gone or damaged, id)
    return false
  end
  local state, version, delivered, turn = unpack(redis.call('HMGET', entry, 'state', 'v', 'delivered', 'turn'))
  if not state or not string.match(state, '^%l[%l_]+$') then
    table.insert(damaged, id)
    return false
  end
  local its_kind = KIND_OF[state]
  if is_newer(version) or not its_kind then
    leave_newer(id, due)
    return false
  end
  if its_kind == ask.kind then
    if turn or its_kind == 'deliver' then return true end
    table.insert(damaged, id)
    return false
  end
  redis.call('ZREM', KEYS[1], id)
  if delivered ~= '1' then
    redis.call('ZADD', prefix .. 'due:' .. its_kind, stamp, id)
  end
  return false
end

-- Returns whether nobody is in, and we are.
local function enter(id)
  if ask.kind == 'deliver' then return true end
  local turnstile = prefix .. 'turnstile:' .. id
  if redis.call('SET', turnstile, ask.token, 'NX', 'PX', string.format('%.0f', ask.lease_s * 1000)) then
    return true
  end
  local closed_s = math.max(redis.call('PTTL', turnstile), 1) / 1000
  if redis.pcall('GET', turnstile) == 'left' then
    put_off(id, now + closed_s)
    local wait_s = bell(prefix, ask.kind, now, now + closed_s)
    if wait_s >= 0 then table.insert(later, string.format('%.6f', wait_s)) end
  else
    -- Whoever is in sets the date. If that one has died, it is this.
    put_off(id, now + closed_s + 0.1)
  end
  return false
end

-- Returns whether it could be; one whose turn can't be raised is damaged.
local function raise_turn(id, entry)
  if ask.kind == 'deliver' or type(redis.pcall('HINCRBY', entry, 'turn', 1)) == 'number' then
    return true
  end
  table.insert(damaged, id)
  return false
end

local function take(id, entry, into)
  put_off(id, now + ask.lease_s + 0.1)
  table.insert(into, id)
  table.insert(into, redis.call('HGETALL', entry))
end

local function since(entry)
  local found_at = redis.pcall('HMGET', entry, 'since', 'created_at')
  if found_at.err then return 0 end
  return number_of(found_at[1] or found_at[2])
end

local full = false
local jobs_taken, skipped, quiet_s = 0, nil, 30

-- A place among the jobs may be held by one that is not at the service, nor on its way there: its
-- process has died, or its entry is gone. It goes first, or makes room. Of one that can't be read
-- nobody knows more than that no job lives so long.
local JOB_LIFE_S = 7800
local HAS_LEFT = {ready = 1, succeeded = 1, failed = 1, expired = 1, cancelled = 1}
local function look_at_jobs()
  local first = {}
  for _, id in ipairs(redis.call('SRANDMEMBER', KEYS[3], 50)) do
    local entry = prefix .. 'conversion:' .. id
    local kind = redis.call('TYPE', entry).ok
    local state = kind == 'hash' and redis.call('HGET', entry, 'state')
    local due = state == 'queued' and redis.call('ZSCORE', KEYS[1], id)
    local aside_at = redis.call('ZSCORE', prefix .. 'unreadable', id)
    if kind == 'none' or HAS_LEFT[state] or (aside_at and tonumber(aside_at) < now - JOB_LIFE_S) then
      free_jobs = free_jobs + redis.call('SREM', KEYS[3], id)
    elseif due and tonumber(due) <= now then
      table.insert(first, id)
    elseif due then
      quiet_s = math.min(quiet_s, tonumber(due) - now)
    end
  end
  return first
end

local function may_go(id)
  if ask.kind ~= 'submit' or ask.most_jobs == 0 or redis.call('SISMEMBER', KEYS[3], id) == 1 then
    return true
  end
  full = free_jobs < 1
  return not full
end

local function go(id, due)
  local entry = prefix .. 'conversion:' .. id
  if not fits(id, entry, due) or not may_go(id) or not enter(id) or not raise_turn(id, entry) then
    return
  end
  if ask.kind == 'submit' then
    redis.call('HSET', entry, 'account', ask.account)
    free_jobs = free_jobs - redis.call('SADD', KEYS[3], id)
    -- For as long as it was due and could not go, its patience did not run out.
    if due <= number('blocked_at') then
      redis.call('HSET', entry, 'since', text_of(math.min(since(entry) + now - due, now)))
    end
    if probes == 1 then redis.call('HSET', KEYS[2], 'prober', id) end
  end
  jobs_taken = jobs_taken + 1
  take(id, entry, taken)
  -- This poll learns that the webhook has called. One that calls from now on wants another.
  if ask.kind == 'poll' then redis.call('HDEL', entry, 'webhook_received') end
end

if room > 0 and free_jobs < 1 then
  for _, id in ipairs(look_at_jobs()) do
    if jobs_taken < room then go(id, now) end
  end
end
local place = 1
while place < #found and jobs_taken < room and not full do
  local id = found[place]
  if id == prober then
    skipped = place
  else
    go(id, tonumber(found[place + 1]))
  end
  place = place + 2
end
if skipped and jobs_taken < room then go(found[skipped], tonumber(found[skipped + 1])) end

if ask.kind == 'submit' then
  redis.call('SADD', KEYS[4], ask.account)
  if rate > 0 and jobs_taken > 0 then
    next_at = next_at + jobs_taken / rate
    redis.call('HSET', KEYS[2], 'next_at', text_of(next_at))
  end
end

-- 3. What becomes of the rest?

local is_more = place < #found or is_crowded

-- One bell for all that waits, and none of what is accepted meanwhile.
local function ring_in(wait_s)
  quiet(prefix, ask.kind, wait_s)
  sooner(bell(prefix, ask.kind, now, now + wait_s))
end

if account.held then
  ring_in(until_next(number('checked_at'), ask.check_s))
elseif full then
  reason = 'full'
  redis.call('HSET', KEYS[2], 'full', 1)
  -- The end of a job rings.
  quiet(prefix, ask.kind, quiet_s)
elseif reason == 'throttled' and is_more then
  ring_in(math.max(next_at - now, 0.05))
elseif is_more then
  sooner(bell(prefix, ask.kind, now, now))
else
  pause(prefix, ask.kind)
end
if account.held or full or (reason == 'throttled' and is_more) then
  redis.call('HSET', KEYS[2], 'blocked_at', stamp)
end

-- Those that wait longest end, if they have waited for too long.
local function is_spent(id, due)
  local since_at = since(prefix .. 'conversion:' .. id)
  return since_at > 0 and since_at < now - ask.hold_s and redis.call('ZSCORE', KEYS[1], id) == due
end

if account.held or full then
  for waiting = 1, #found, 2 do
    local id = found[waiting]
    local entry = prefix .. 'conversion:' .. id
    if #spent < 2 * ask.limit and is_spent(id, found[waiting + 1]) and fits(id, entry, now)
        and enter(id) and raise_turn(id, entry) then
      take(id, entry, spent)
    end
  end
  -- There may be more.
  if #spent > 0 then
    redis.call('DEL', prefix .. 'bell:' .. ask.kind)
    sooner(bell(prefix, ask.kind, now, now))
  end
end
remember()
return answer()
