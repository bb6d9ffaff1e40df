-- Note that another producer holds a conversion by its idempotency key: nobody takes it back then.
--
-- KEYS[1]  entry    hash, the conversion's
-- ARGV[1]  version  the newest version of an entry that the caller understands
-- returns           1 where there is such a conversion, else 0

local state, turn, version = unpack(redis.call('HMGET', KEYS[1], 'state', 'turn', 'v'))
-- Of a deleted one there is a tombstone.
if not state or state == 'deleted' then return 0 end
-- Once a worker has it in hand it is not taken back in any case.
if state == 'queued' and turn == '0' and (tonumber(version or '1') or 1) <= tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[1], 'joined', 1)
end
return 1
