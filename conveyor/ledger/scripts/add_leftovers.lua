-- Note what is still at the service, to be deleted there. `transition.lua` does the same.
--
-- KEYS[1]  leftovers  sorted set, records by the time of the next try
-- ARGV[1]  list of {record, life_s, wait_s}, JSON: the record, how long the service keeps it, and
--          how long the first try waits
-- returns  how many records are new

local rows = cjson.decode(ARGV[1])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000

-- Whatever can fail is computed before the first write.
local added = {}
for _, row in ipairs(rows) do
  local record = cjson.decode(row.record)
  record['until'] = math.floor(now + row.life_s)
  table.insert(added, {string.format('%.6f', now + row.wait_s), cjson.encode(record)})
end

local new = 0
for _, it in ipairs(added) do
  new = new + redis.call('ZADD', KEYS[1], 'NX', it[1], it[2])
end
return new
