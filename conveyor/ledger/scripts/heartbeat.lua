-- Say that what is being worked on is: its leases begin anew, and it is not due before they end.
--
-- KEYS[1…] due       sorted sets of what is to be submitted, polled, delivered: id by its date
-- ARGV[1]  prefix    of all keys
-- ARGV[2]  lease_ms  how long a lease lives from now on
-- ARGV[3…] of each: its id, what the lease is called (empty where there is none), and our token
-- returns            nothing

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
-- After the lease, so that whoever comes then finds it ended.
local due = string.format('%.6f', now + tonumber(ARGV[2]) / 1000 + 0.1)

for place = 3, #ARGV, 3 do
  local id, lease = ARGV[place], ARGV[place + 1]
  local is_ours = lease == ''
  if not is_ours then
    local key = ARGV[1] .. lease .. ':' .. id
    -- A key of another type is another's.
    is_ours = redis.pcall('GET', key) == ARGV[place + 2]
    if is_ours then redis.call('PEXPIRE', key, ARGV[2]) end
  end
  if is_ours then
    -- Who delivers is no reason to poll later, nor the other way round.
    for kind, index in ipairs(KEYS) do
      if (kind == 3) == (lease == 'delivery') then redis.call('ZADD', index, 'XX', 'GT', due, id) end
    end
  end
end
