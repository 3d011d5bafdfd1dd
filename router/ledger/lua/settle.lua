-- Replaces what a request holds by what it used, and writes its row of the journal.
-- KEYS: record, leases, clock, journal.   ARGV: rid; status; vector used; payload.
-- Returns 0 settled, 1 was settled before (no effect), 3 the reaper had closed it: the difference
-- was applied and journaled as row 1 of the same rid; -3 unknown.

local rid, used = ARGV[1], vector(ARGV[3])
local raw = redis.call('GET', KEYS[1])
if not raw then return -3 end
local rec = cmsgpack.unpack(raw)
local state = rec[1]
if state == 2 or state == 4 then return 1 end
local now, clock = read_clock(KEYS[3])
redis.call('SET', KEYS[3], clock)

if state == 3 then
  local charged = vector(rec[5])
  apply(rec, charged, used, now, false)
  local more = {}
  for k = 1, 5 do more[k] = used[k] - charged[k] end
  journal(KEYS[4], rid, 1, ARGV[2], rec[2], now, more, rec[7], ARGV[4])
  redis.call('SET', KEYS[1], cmsgpack.pack({4, rec[2]}), 'PX', TOMBSTONE)
  return 3
end

apply(rec, nil, used, now, true)
journal(KEYS[4], rid, 0, ARGV[2], rec[2], now, used, rec[7], ARGV[4])
redis.call('ZREM', KEYS[2], rid)
redis.call('SET', KEYS[1], cmsgpack.pack({2, rec[2]}), 'PX', TOMBSTONE)
return 0
