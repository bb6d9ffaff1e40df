-- Take out of old dead letters what only the service could have used: it has forgotten it by now.
--
-- KEYS[1]  dead      sorted set, id of each dead letter by the time it became one
-- KEYS[2]  stripped  string, the time up to which this is done
-- ARGV[1]  life_s    how long the service keeps a result
-- ARGV[2]  batch     at most so many
-- ARGV[3]  prefix    of the entries' keys, which have the hash tag of the index
-- ARGV[4]  version   the newest version of an entry that we understand
-- ARGV[5…] fields    to remove
-- returns            how many were looked at

local before = redis.call('TIME')[1] - ARGV[1]
local after = redis.call('GET', KEYS[2]) or '-inf'
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. after, before, 'WITHSCORES', 'LIMIT', 0, ARGV[2])
for place = 1, #found, 2 do
  local entry = ARGV[3] .. found[place]
  -- What is no entry, or of a newer version, must not keep the others from being stripped.
  local version = redis.pcall('HGET', entry, 'v') or '1'
  if type(version) == 'string' and (tonumber(version) or 1) <= tonumber(ARGV[4]) then
    redis.call('HDEL', entry, unpack(ARGV, 5))
  end
  redis.call('SET', KEYS[2], found[place + 1])
end
return #found / 2
