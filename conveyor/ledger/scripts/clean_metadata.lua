-- Take rows out of the index of metadata that have outlived their conversions.
--
-- KEYS[1]  metadata  sorted set, a row for each key and value of each conversion
-- KEYS[2]  cursors   hash, where the last look at each index ended
-- ARGV[1]  batch     about so many are looked at
-- ARGV[2]  prefix    of the entries' keys, which have the hash tag of the index
-- ARGV[3]  before    so many characters stand before the id in a row
-- returns            how many were taken out

local cursor = redis.call('HGET', KEYS[2], 'metadata') or '0'
local found = redis.pcall('ZSCAN', KEYS[1], cursor, 'COUNT', ARGV[1])
if found.err then
  redis.call('HDEL', KEYS[2], 'metadata')
  return 0
end
local taken = 0
for place = 1, #found[2], 2 do
  local row = found[2][place]
  if redis.call('EXISTS', ARGV[2] .. string.sub(row, ARGV[3] + 1)) == 0 then
    taken = taken + redis.call('ZREM', KEYS[1], row)
  end
end
redis.call('HSET', KEYS[2], 'metadata', found[1])
return taken
