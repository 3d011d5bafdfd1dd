-- The server's clock jumped ahead: lets the ledger's time go on from where it was, so that no window ends
-- early and no lease runs out. Does nothing where that was done before, where somebody was served by the
-- new time already, or where another gateway, by its own clock, says that so much time did pass.
--
-- KEYS    clock, witness
-- ARGV    what the server's clock would say, had it not jumped
-- time    milliseconds
-- returns 1: held back, 0: nothing was done

local stored = redis.call('GET', KEYS[1])
if not stored then return 0 end
local expected, time = tonumber(ARGV[1]), redis.call('TIME')
local now = time[1] * SECOND_MS + time[2] / SECOND_MS
now = now - now % 1
local middle, last, last_real = (expected + now) / 2, struct.unpack(CLOCK_PAIR, stored)
local seen = string.match(redis.call('GET', KEYS[2]) or '', '^%S+ (%d+) ')
if last_real > middle or seen and tonumber(seen) > middle then return 0 end
local ahead = last - last_real
if ahead > 0 then ahead = math.max(0, ahead - math.floor((expected - last_real) / CLOCK_SLEW)) end
local held = math.max(last, expected + ahead)
redis.call('SET', KEYS[1], struct.pack(CLOCK_PAIR, held - held % 1, now))
return 1
