-- Note that nothing is left of a deleted conversion but its tombstone, which begins to age.
--
-- A process that had stopped may still have written something. So it is looked at once more.
--
-- KEYS[1]  entry      hash, the tombstone
-- KEYS[2]  erasing    sorted set, ids of what is being erased by the time of the next visit
-- KEYS[3]  counts     hash, what has happened so far, by name
-- KEYS[4]  leftovers  sorted set, ids of what is to be deleted at the service
-- ARGV[1]  id
-- ARGV[2]  keep_s     until the tombstone is forgotten, seconds
-- ARGV[3]  again_s    until the last look, seconds
-- returns             1 when it is noted; 2 where it was before, or where there is no tombstone;
--                     0 where the service still has something

if redis.call('HGET', KEYS[1], 'state') ~= 'deleted' or redis.call('HEXISTS', KEYS[1], 'erased_at') == 1 then
  redis.call('ZREM', KEYS[2], ARGV[1])
  return 2
end
for id in string.gmatch(redis.call('HGET', KEYS[1], 'left') or '', '%S+') do
  if redis.call('ZSCORE', KEYS[4], id) then return 0 end
end
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
redis.call('HSET', KEYS[1], 'erased_at', string.format('%.6f', now))
redis.call('HDEL', KEYS[1], 'left', 'staged', 'token')
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], string.format('%.6f', now + ARGV[3]), ARGV[1])
redis.pcall('HINCRBY', KEYS[3], 'erased', 1)
return 1
