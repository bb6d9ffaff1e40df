-- Take out what is no longer at the service, or never will be deleted there.
--
-- KEYS[1]  leftovers  sorted set, ids by the time of the next try
-- KEYS[2]  records    hash, by id: until when the service keeps it, failures so far, the record
-- KEYS[3]  counts     hash, what has happened so far, by name
-- ARGV[1]  name       under which it is counted
-- ARGV[2…] the ids
-- returns             how many there were

local found = redis.call('ZREM', KEYS[1], unpack(ARGV, 2))
redis.call('HDEL', KEYS[2], unpack(ARGV, 2))
if found > 0 then redis.call('HINCRBY', KEYS[3], ARGV[1], found) end
return found
