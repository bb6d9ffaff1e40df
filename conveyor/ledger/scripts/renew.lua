-- Begin a lease anew, if it is still ours.
--
-- KEYS[1]  lease     string, the token of whoever holds it
-- ARGV[1]  token     ours
-- ARGV[2]  lease_ms  how long it lives from now on
-- returns            1 where it was ours, else 0

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
