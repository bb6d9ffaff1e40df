-- Take out what is no longer at the service, or never will be deleted there.
--
-- KEYS[1]  leftovers  sorted set, records by the time of the next try
-- KEYS[2]  counts     hash, what has happened so far, by name
-- ARGV[1]  name       under which it is counted
-- ARGV[2…] the records
-- returns             how many there were

local found = redis.call('ZREM', KEYS[1], unpack(ARGV, 2))
if found > 0 then redis.call('HINCRBY', KEYS[2], ARGV[1], found) end
return found
