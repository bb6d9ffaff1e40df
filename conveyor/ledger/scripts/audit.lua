-- Look a batch of an index over: what is unfinished and awaited by nobody is awaited again.
--
-- begins with bell.lua
--
-- KEYS[1]  index       sorted set, or set, of ids
-- KEYS[2]  cursors     hash, where the last look at each index ended
-- KEYS[3]  due         sorted set of what is in this state, id by the time at which it is due
-- KEYS[4]  unreadable  sorted set, ids that were put aside
-- ARGV[1]  name        of the index, in the cursors
-- ARGV[2]  batch       about so many are looked at
-- ARGV[3]  prefix      of the entries' keys, which have the hash tag of the index
-- ARGV[4]  version     the newest version of an entry that we understand
-- ARGV[5]  keep_s      what was accepted longer ago may be forgotten: it is taken out. 0: nothing is
-- ARGV[6]  state       of which the index is; empty where it is another index
-- ARGV[7]  account     whose jobs the index has; empty where it is another index
-- ARGV[8]  prefix      of all keys
-- returns  {how many were taken out, how many are awaited again, ids whose entry is missing,
--          ids of a newer version}

local function nothing()
  redis.call('HDEL', KEYS[2], ARGV[1])
  return {0, 0, {}, {}}
end

local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'zset' and kind ~= 'set' then return nothing() end
local cursor = redis.call('HGET', KEYS[2], ARGV[1]) or '0'
local found = redis.pcall(kind == 'zset' and 'ZSCAN' or 'SSCAN', KEYS[1], cursor, 'COUNT', ARGV[2])
if found.err then return nothing() end

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local keep_s = tonumber(ARGV[5])
local taken, awaited, missing, newer = 0, 0, {}, {}

local function look(id, accepted)
  local entry = ARGV[3] .. id
  local kind_of_entry = redis.call('TYPE', entry).ok
  if kind_of_entry == 'none' then
    if kind == 'set' then
      end_job(ARGV[8], ARGV[7], id)
      taken = taken + 1
    elseif keep_s > 0 and accepted <= now - keep_s then
      taken = taken + redis.call('ZREM', KEYS[1], id)
    else
      table.insert(missing, id)
    end
    return
  end
  -- What is no entry is found, and put aside, by whoever reads it.
  if kind_of_entry ~= 'hash' then return end
  local version = redis.call('HGET', entry, 'v') or '1'
  if string.match(version, '^%d+$') and tonumber(version) > tonumber(ARGV[4]) then
    table.insert(newer, id)
  elseif ARGV[6] ~= '' and redis.call('HGET', entry, 'state') == ARGV[6]
      and redis.call('HGET', entry, 'delivered') ~= '1'
      and not redis.call('ZSCORE', KEYS[3], id) and not redis.call('ZSCORE', KEYS[4], id) then
    redis.call('ZADD', KEYS[3], string.format('%.6f', now), id)
    awaited = awaited + 1
  end
end

local items = found[2]
for place = 1, #items, kind == 'zset' and 2 or 1 do
  look(items[place], kind == 'zset' and tonumber(items[place + 1]) or 0)
end
redis.call('HSET', KEYS[2], ARGV[1], found[1])
return {taken, awaited, missing, newer}
