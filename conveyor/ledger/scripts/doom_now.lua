-- Take staged folders from whoever reserved them, now.
--
-- KEYS[1]  staging  sorted set, tokens of staged folders that no conversion owns, by their time
-- KEYS[2]  doomed   set, tokens of folders that are to be removed
-- KEYS[3]  signed   set, those that signatures share
-- ARGV     tokens   the folders
-- returns           those to remove: a folder that a conversion or a signature has by now is none
--                   of them

local doomed = {}
for _, token in ipairs(ARGV) do
  if redis.call('SISMEMBER', KEYS[3], token) == 0 and redis.call('ZREM', KEYS[1], token) == 1 then
    redis.call('SADD', KEYS[2], token)
    doomed[#doomed + 1] = token
  end
end
return doomed
