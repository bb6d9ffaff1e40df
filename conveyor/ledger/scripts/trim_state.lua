-- Take ids out of the index of a state whose entries have been forgotten, the oldest first.
--
-- KEYS[1]  index   sorted set, ids of one state by the time of their acceptance
-- ARGV[1]  keep_s  seconds; what was accepted less long ago is still remembered
-- ARGV[2]  batch   at most so many are looked at
-- ARGV[3]  prefix  of the entries' keys, which have the hash tag of the index
-- returns          how many were taken out

local taken = 0
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', redis.call('TIME')[1] - ARGV[1], 'LIMIT', 0, ARGV[2])) do
  if redis.call('EXISTS', ARGV[3] .. id) == 0 then
    taken = taken + redis.call('ZREM', KEYS[1], id)
  end
end
return taken
