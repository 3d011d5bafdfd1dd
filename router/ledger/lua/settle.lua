-- Replaces what a request holds by what it used, and writes its row of the journal.
-- KEYS: holds, clock, journal.   ARGV: rid; end of the row: vector used, lengths of rid and status,
-- these two, payload.
-- Returns 0 settled, 1 was settled before (no effect), 3 the reaper had closed it: the difference
-- was applied and journaled as row 1 of the same rid; -3 unknown.

-- include: states records closing

local rid, row, holds, call = ARGV[1], ARGV[2], KEYS[1], redis.call
local rec, charged, tombstone = call('HGET', holds, rid), nil, nil
if not rec then
  -- Settled before, reaped, left by an earlier format, or never reserved.
  local base = string.sub(holds, 1, -2)
  tombstone = base .. 'r:' .. rid
  rec = call('GET', tombstone)
  if not rec then
    local mark, bit = call('GET', base .. 'd:' .. string.sub(rid, 13, 26)), tonumber(string.sub(rid, 27), 16)
    local byte = mark and string.byte(mark, 9 + math.floor(bit / 8)) or 0
    return math.floor(byte / 2 ^ (7 - bit % 8)) % 2 == 1 and 1 or -3
  end
  if string.byte(rec) == 3 then
    charged, rec = string.sub(rec, 2, 41), string.sub(rec, 42)
  else
    -- include: old_record
    local state
    state, rec, charged = older_record(rec)
    if state == 2 or state == 4 then return 1 end
    if state == 1 then charged = nil end
    call('ZREM', base .. 'x', rid)
  end
end

local numbers, count, pieces, keys, at, progress, payload = read_record(rec, KEYS[2])
local known = call('MGET', unpack(keys))
local stored, t0 = known[1], numbers[2]
-- include: clock

local used = {struct.unpack(VECTOR, row)}
local before, seq = used, 0
if charged then before, seq = {struct.unpack(VECTOR, charged)}, 1 end
local writes, behind = apply(rec, numbers, count, pieces, keys, known, at, before, used, now, not charged)
if clock then
  writes[#writes + 1] = KEYS[2]
  writes[#writes + 1] = clock
end
if #writes > 0 then call('MSET', unpack(writes)) end
if charged then
  for k = 1, 5 do used[k] = used[k] - before[k] end
  row = struct.pack(VECTOR, unpack(used)) .. string.sub(row, 41)
end
local meta = string.sub(rec, behind + progress + payload)
call('XADD', KEYS[3], '*', 'f', struct.pack(ROW, seq, t0, now, #meta) .. meta .. row)
if tombstone then
  call('SET', tombstone, '\2\2', 'PX', TOMBSTONE)
  return charged and 3 or 0
end
call('HDEL', holds, rid)
if now - t0 > MARK_FRESH then
  -- include: marks
  local key = string.sub(holds, 1, -2) .. 'd:' .. string.sub(rid, 13, 26)
  remember(key, call('GET', key), tonumber(string.sub(rid, 27), 16), now)
end
return 0
