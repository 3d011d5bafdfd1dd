-- Replaces what a request holds by what it used, and writes its row of the journal.
--
-- KEYS    open holds, clock, journal
-- ARGV    hold id; end of the row: vector used, lengths of hold id and status, these two, payload
-- time    milliseconds
-- returns SETTLED; SETTLED_BEFORE: no effect; ADJUSTED: the reaper had closed the hold, so the difference
--         was applied and written as row 1 of the same hold; UNKNOWN: never reserved

-- include: ring.turn scope.replace hold.read close

local hold_id, row, holds, call = ARGV[1], ARGV[2], KEYS[1], redis.call
local record, charged, expired = call('HGET', holds, hold_id), nil, nil
if not record then
  -- include: mark.name
  local base = string.sub(holds, 1, -2)
  expired = base .. EXPIRED_KEY .. hold_id
  record = call('GET', expired)
  if not record then
    local key, bit = mark_of(base, hold_id)
    local mark = call('GET', key)
    -- include: mark.read
    return reserved_before and SETTLED_BEFORE or UNKNOWN
  end
  charged, record = string.sub(record, 1, VECTOR_BYTES), string.sub(record, VECTOR_BYTES + 1)
end

local numbers, items, keys, plan_at, progress, payload = read_hold(record, KEYS[2])
local known = call('MGET', unpack(keys))
local stored, admitted_at, clock_key = known[1], numbers[2], KEYS[2]
-- include: clock

local used = {struct.unpack(VECTOR, row)}
local before, seq = used, 0
if charged then before, seq = {struct.unpack(VECTOR, charged)}, 1 end
local writes, behind = close(record, numbers, items, keys, known, plan_at, before, used, now, not charged)
if clock then
  writes[#writes + 1] = clock_key
  writes[#writes + 1] = clock
end
if #writes > 0 then call('MSET', unpack(writes)) end
if charged then
  for metric = 1, METRICS do used[metric] = used[metric] - before[metric] end
  row = struct.pack(VECTOR, unpack(used)) .. string.sub(row, VECTOR_BYTES + 1)
end
local meta = string.sub(record, behind + progress + payload)
call('XADD', KEYS[3], '*', ROW_FIELD, struct.pack(ROW, seq, admitted_at, now, #meta) .. meta .. row)
if charged then
  call('DEL', expired)
else
  call('HDEL', holds, hold_id)
end
if charged or now - admitted_at > MARK_FRESH_MS then
  -- include: mark.name mark.write
  local key, bit = mark_of(string.sub(holds, 1, -2), hold_id)
  remember(key, call('GET', key), bit, now)
end
return charged and ADJUSTED or SETTLED
