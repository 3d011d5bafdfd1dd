-- Adds to a prepaid balance, once for each id.   KEYS: clock, record of the credit, scope.
-- ARGV: layout of the balance alone; nano-USD (negative: takes back); end of the endless window.
-- Returns {0 added or 1 known before, balance granted so far, used, held} in nano-USD as text.

-- include: layout older

local stored = redis.call('GET', KEYS[1])
-- include: clock
local raw, size = redis.call('MGET', KEYS[3])[1] or older_state(KEYS[3]), #ARGV[1]
raw = arrange(raw, ARGV[1])
local used, held = struct.unpack('<dd', raw, size + 1)
local _, stop, over, granted = struct.unpack('<dddd', raw, size + 25)
local known = redis.call('EXISTS', KEYS[2])
if known == 0 then
  granted = granted + tonumber(ARGV[2])
  if stop == 0 then stop = tonumber(ARGV[3]) end
  redis.call('SET', KEYS[3], string.sub(raw, 1, size + 32) .. struct.pack('<ddd', stop, over, granted)
    .. string.sub(raw, size + 57), 'KEEPTTL')
  redis.call('SET', KEYS[2], string.format('%.0f:%s', now, ARGV[2]))
  if clock then redis.call('SET', KEYS[1], clock) end
end
local reply = {known}
for k, n in ipairs({granted, used, held}) do reply[k + 1] = string.format('%.0f', n) end
return reply
