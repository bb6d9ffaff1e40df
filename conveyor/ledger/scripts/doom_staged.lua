-- Take staged folders whose time is over from whoever staged them: nobody may own them any more.
--
-- KEYS[1]  staging  sorted set, tokens of staged folders that no conversion owns, by their time
-- KEYS[2]  doomed   set, tokens of folders that are to be removed
-- KEYS[3]  signed   set, those that signatures share
-- ARGV[1]  batch    at most so many
-- returns           the tokens of all that are to be removed, at most so many

local tokens = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', redis.call('TIME')[1], 'LIMIT', 0, ARGV[1])
for _, token in ipairs(tokens) do
  -- A folder is called by 32 hexadecimal digits. What is not was made by a later release, or planted:
  -- it is put off, so that it stands in nobody's way.
  if #token == 32 and string.match(token, '^%x+$') then
    redis.call('ZREM', KEYS[1], token)
    redis.call('SREM', KEYS[3], token)
    redis.call('SADD', KEYS[2], token)
  else
    redis.call('ZADD', KEYS[1], redis.call('TIME')[1] + 3600, token)
  end
end
return redis.call('SRANDMEMBER', KEYS[2], ARGV[1])
