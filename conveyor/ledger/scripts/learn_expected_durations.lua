-- Write down what was learned of a kind of conversion, unless another has learned meanwhile.
--
-- KEYS[1]  expected_durations  hash, by kind: what is known
-- ARGV[1]  kind     `from:to`
-- ARGV[2]  known    what the caller built upon; empty where nothing was known
-- ARGV[3]  learned  what it is now
-- ARGV[4]  most     so many kinds are remembered: a new one takes the place of any other
-- returns  {1} done; {0, known} another has learned: what is known now, empty where nothing is

local known = redis.call('HGET', KEYS[1], ARGV[1]) or ''
if known ~= ARGV[2] then return {0, known} end
if known == '' and redis.call('HLEN', KEYS[1]) >= tonumber(ARGV[4]) then
  redis.call('HDEL', KEYS[1], redis.call('HRANDFIELD', KEYS[1]))
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return {1}
