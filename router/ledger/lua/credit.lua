-- Adds to a prepaid balance, once for each id.
--
-- KEYS    clock, record of the credit, scope
-- ARGV    layout of the balance alone; nano-USD (negative: takes back); end of the endless window
-- time    milliseconds
-- returns {0: added, 1: this id had been added before; balance granted so far, used, held: nano-USD, as text}

-- include: scope.arrange scope.replace

local clock_key = KEYS[1]
local stored = redis.call('GET', clock_key)
-- include: clock
local state = arrange(redis.call('GET', KEYS[3]), ARGV[1])
local changing, resting = #ARGV[1], #ARGV[1] + NUMBER_BYTES * CALENDAR_VALUES
local used, held = struct.unpack(TWO_NUMBERS, state, changing + 1)
local _, stop, _, granted = struct.unpack(CALENDAR_NOW, state, resting + 1)
local known = redis.call('EXISTS', KEYS[2])
if known == 0 then
  granted = granted + tonumber(ARGV[2])
  if stop == 0 then
    state = replace(state, resting + CALENDAR_END_AT, tonumber(ARGV[3]))
    state = replace(state, resting + CALENDAR_BEFORE_START_AT, -now)
  end
  redis.call('SET', KEYS[3], replace(state, resting + CALENDAR_LIMIT_AT, granted), 'KEEPTTL')
  redis.call('SET', KEYS[2], string.format('%.0f:%s', now, ARGV[2]))
  if clock then redis.call('SET', KEYS[1], clock) end
end
local reply = {known}
for k, n in ipairs({granted, used, held}) do reply[k + 1] = string.format('%.0f', n) end
return reply
