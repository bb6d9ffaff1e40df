-- What other scripts begin with that set a date: does a bell have to be rung for it?
--
-- A bell is a message for all that is due in the same slot. A mark says that it was rung. What is
-- due now has one mark, which ends with the claim that the bell brings. What is due later has a mark
-- for its slot, and its bell comes at the slot's end.

local SLOT_S = 0.25
local PAUSE_MS = 250
-- A bell that has not come for so long after its time is taken for lost.
local LATE_MS = 1000
-- For what is due later the sweep rings.
local FARTHEST_S = 60

-- returns the seconds after which the bell has to come, -1 where none has to be sent
local function bell(prefix, kind, now, due)
  if due <= now then
    -- What comes right after a claim waits for others, so that all of them share a bell.
    local pause_ms = math.max(redis.call('PTTL', prefix .. 'bell:' .. kind .. ':pause'), 0)
    local is_new = redis.call('SET', prefix .. 'bell:' .. kind, 1, 'NX', 'PX', pause_ms + LATE_MS)
    return is_new and pause_ms / 1000 or -1
  end
  if due > now + FARTHEST_S then return -1 end
  local slot = math.floor(due / SLOT_S) + 1
  local wait_s = slot * SLOT_S - now
  local mark = string.format('%sbell:%s:%.0f', prefix, kind, slot)
  local until_ms = string.format('%.0f', wait_s * 1000 + LATE_MS)
  return redis.call('SET', mark, 1, 'NX', 'PX', until_ms) and wait_s or -1
end

-- Have nobody ring for so long: a bell is on its way, or somebody else will send it.
local function quiet(prefix, kind, wait_s)
  redis.call('SET', prefix .. 'bell:' .. kind, 1, 'PX', string.format('%.0f', wait_s * 1000 + LATE_MS))
end

-- Say that all that is due was claimed just now.
local function pause(prefix, kind)
  redis.call('SET', prefix .. 'bell:' .. kind .. ':pause', 1, 'PX', PAUSE_MS)
end

-- Have a conversion be none of an account's jobs any more.
-- returns whether another waits for its place: somebody has to ring, at the latest the sweep
local function end_job(prefix, account, id)
  if redis.call('SREM', prefix .. 'jobs:' .. account, id) == 0 then return false end
  if redis.call('HDEL', prefix .. 'account:' .. account, 'full') == 0 then return false end
  redis.call('DEL', prefix .. 'bell:submit')
  return true
end
