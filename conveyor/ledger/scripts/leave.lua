-- Leave the turnstile, and keep the way closed for the spacing, if there is one.
--
-- begins with leaving.lua
--
-- KEYS[1]  turnstile   string, the token of whoever is in
-- ARGV[1]  token       ours
-- ARGV[2]  spacing_ms  how long nobody enters; 0: the way is open
-- returns              1 where we were in, else 0: our lease had run out

return leave_turnstile(KEYS[1], ARGV[1], tonumber(ARGV[2])) and 1 or 0
