-- Leave the turnstile, and keep the way closed for the spacing, if there is one.
--
-- The token goes, so that a renewal that comes late does not prolong the spacing.
--
-- KEYS[1]  turnstile   string, the token of whoever is in
-- ARGV[1]  token       ours
-- ARGV[2]  spacing_ms  how long nobody enters; 0: the way is open
-- returns              1 where we were in, else 0: our lease had run out

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('SET', KEYS[1], 'left', 'PX', ARGV[2])
end
return 1
