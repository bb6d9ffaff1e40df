-- What other scripts begin with that ask how many submits a second an account may send.
--
-- The rate is what the service took of late, when it last throttled too many. From a tenth below that
-- it grows slowly, past what was too much, and then it doubles again and again. So the fleet stays
-- near what the service takes, soon finds out if that has become more, and needs one throttled answer
-- in many for it.

-- A share of throttled answers below this is not of our making: the rate stays as it is.
local BEARABLE = 0.1
-- The rate of what is taken is a mean over about so long.
local MEAN_S = 2
local FIRST_SHARE = 0.9
local GROWTH = 0.04
local SLOW_S = 10
local DOUBLES_S = 1.5
-- Nothing bounds the account so long after the last fall.
local LIFE_S = 30

-- A damaged field of an account harms nobody.
local function number_of(text)
  local number = tonumber(text or '0')
  if not number or number ~= number or math.abs(number) > 1e12 then return 0 end
  return number
end

-- returns submits a second, 0 where nothing bounds them
local function rate_of(rate, rate_at, now)
  local grown_s = now - rate_at
  if rate <= 0 or math.abs(grown_s) > LIFE_S then return 0 end
  grown_s = math.max(grown_s, 0)
  local slow = rate * (FIRST_SHARE + GROWTH * math.min(grown_s, SLOW_S))
  return slow * 2 ^ (math.max(grown_s - SLOW_S, 0) / DOUBLES_S)
end

-- returns what is left of a count of answers that fades
local function faded(taken, taken_at, now)
  return taken * math.exp(-math.max(now - taken_at, 0) / MEAN_S)
end

local function text_of(number)
  return string.format('%.6f', number)
end

-- Note that the service has taken a submit.
local function took(account, now)
  local flat = redis.pcall('HMGET', account, 'taken', 'taken_at', 'taken_since', 'strain')
  if flat.err then return end
  local taken, since = faded(number_of(flat[1]), number_of(flat[2]), now), number_of(flat[3])
  if taken < 0.05 then taken, since = 0, now end
  redis.call('HSET', account, 'taken', text_of(taken + 1), 'taken_at', text_of(now),
    'taken_since', text_of(since))
  local strain = number_of(flat[4])
  if strain > 0 then
    redis.call('HSET', account, 'strain', text_of(math.max(strain - BEARABLE, 0)))
  end
end

-- returns how many submits a second the service takes
local function taken_of(taken, taken_at, since, now)
  local left = faded(taken, taken_at, now)
  if left < 0.05 then return 0 end
  -- Nobody knows how it was before the first: a mean over the time since then.
  local seen_s = math.max(now - since, 0.25)
  return left / (MEAN_S * (1 - math.exp(-seen_s / MEAN_S)))
end
