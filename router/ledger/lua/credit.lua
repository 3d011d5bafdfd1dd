-- Adds to a prepaid balance, once for each id.   KEYS: clock, record of the credit, scope.
-- ARGV: field; nano-USD (negative: takes back); end of the endless window.
-- Returns {0 added or 1 known before, balance granted so far, used, held} in nano-USD as text.

-- include: clock

local now, clock = clock_at(redis.call('GET', KEYS[1]))
local raw = redis.call('HGET', KEYS[3], ARGV[1])
local c = raw and {struct.unpack(CALENDAR, raw)} or {0, tonumber(ARGV[3]), 0, 0, 0, 0, 0, 0, 0, 0, 0}
local known = redis.call('EXISTS', KEYS[2])
if known == 0 then
  c[6] = c[6] + tonumber(ARGV[2])
  redis.call('HSET', KEYS[3], ARGV[1], struct.pack(CALENDAR, unpack(c)))
  redis.call('SET', KEYS[2], string.format('%.0f:%s', now, ARGV[2]))
  if clock then redis.call('SET', KEYS[1], clock) end
end
local reply = {known}
for k, n in ipairs({6, 3, 4}) do reply[k + 1] = string.format('%.0f', c[n]) end
return reply
