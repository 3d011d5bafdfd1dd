-- Closes leases that have run out, among some of the open holds.
-- KEYS: holds, clock, journal.   ARGV: cursor (0 to begin); how many holds to look at.
-- Returns the cursor for the rest (0: that was all), and how many it closed.

-- include: states records closing reaping marks

local stored = redis.call('GET', KEYS[2])
-- include: clock
local base, closed = string.sub(KEYS[1], 1, -2), 0
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local due = {}
for k = 1, #page[2], 2 do
  local rid, rec = page[2][k], page[2][k + 1]
  local ends = struct.unpack('<d', rec, HEAD_SIZE + 1)
  if ends < now then due[#due + 1] = {ends, rid, rec} end
end
table.sort(due, function(one, two) return one[1] < two[1] or one[1] == two[1] and one[2] < two[2] end)
for _, hold in ipairs(due) do
  local rid = hold[2]
  reap(rid, hold[3], KEYS[2], KEYS[3], base .. 'r:' .. rid, now)
  redis.call('HDEL', KEYS[1], rid)
  local mark = base .. 'd:' .. string.sub(rid, 13, 26)
  remember(mark, redis.call('GET', mark), tonumber(string.sub(rid, 27), 16), now)
  closed = closed + 1
end
if ARGV[1] == '0' and redis.call('EXISTS', base .. 'x') == 1 then
  -- include: old_record
  for _, rid in ipairs(redis.call('ZRANGEBYSCORE', base .. 'x', '-inf', string.format('(%.0f', now), 'LIMIT', 0, 100)) do
    local raw = redis.call('GET', base .. 'r:' .. rid)
    redis.call('ZREM', base .. 'x', rid)
    local state, rec
    if raw then state, rec = older_record(raw) end
    if state == 1 then
      reap(rid, rec, KEYS[2], KEYS[3], base .. 'r:' .. rid, now)
      closed = closed + 1
    end
  end
end
if closed > 0 and clock then redis.call('SET', KEYS[2], clock) end
return {page[1], closed}
