-- What other scripts begin with that leave a turnstile.

-- The token goes, so that a renewal that comes late does not prolong the spacing.
-- key     string, the token of whoever is in
-- token   ours
-- for_ms  how long nobody enters; 0: the way is open
-- returns whether we were in; else our lease had run out
local function leave_turnstile(key, token, for_ms)
  if redis.call('GET', key) ~= token then return false end
  if for_ms > 0 then
    redis.call('SET', key, 'left', 'PX', for_ms)
  else
    redis.call('DEL', key)
  end
  return true
end
