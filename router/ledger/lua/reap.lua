-- Closes leases that have run out.   KEYS: leases, clock, journal.   ARGV: record prefix; most.
-- Returns how many it closed.

-- include: clock states records closing reaping

local now, clock = clock_at(redis.call('GET', KEYS[2]))
local due = reap(KEYS[1], KEYS[3], ARGV[1], now, tonumber(ARGV[2]))
if #due > 0 and clock then redis.call('SET', KEYS[2], clock) end
return #due
