-- End a lease, if it is still ours.
--
-- KEYS[1]  lease  string, the token of whoever holds it
-- ARGV[1]  token  ours
-- returns         1 where it was ours, else 0

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
