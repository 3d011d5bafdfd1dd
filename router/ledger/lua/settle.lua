-- Replaces what a request holds by what it used, and writes its row of the journal.
-- KEYS: record, leases, clock, journal.   ARGV: rid; status; vector used; payload.
-- Returns 0 settled, 1 was settled before (no effect), 3 the reaper had closed it: the difference
-- was applied and journaled as row 1 of the same rid; -3 unknown.

-- include: clock states records closing

local known = redis.call('MGET', KEYS[1], KEYS[3])
if not known[1] then return -3 end
local rec = read_record(known[1])
local state = rec[1]
if state == 2 or state == 4 then return 1 end
local now, clock = clock_at(known[2])
if clock then redis.call('SET', KEYS[3], clock) end

local used = {struct.unpack(VECTOR, ARGV[3])}
if state == 3 then
  local charged = {struct.unpack(VECTOR, rec[5])}
  apply(rec, charged, used, now, false)
  for k = 1, 5 do used[k] = used[k] - charged[k] end
  journal(KEYS[4], ARGV[1], 1, ARGV[2], rec[2], now, struct.pack(VECTOR, unpack(used)), rec[10], ARGV[4])
  redis.call('SET', KEYS[1], '\2\4', 'PX', TOMBSTONE)
  return 3
end

if rec[9] ~= '' then apply(rec, used, used, now, true) end
journal(KEYS[4], ARGV[1], 0, ARGV[2], rec[2], now, ARGV[3], rec[10], ARGV[4])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('SET', KEYS[1], '\2\2', 'PX', TOMBSTONE)
return 0
