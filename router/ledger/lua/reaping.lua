-- Closes a hold whose lease ran out: charged for progress where one was reported, for the prompt where
-- it had only been dispatched, for nothing where it never was. What it held is kept for a while under
-- `tombstone`, for its settlement may come late.
local function reap(rid, rec, clock_key, journal, tombstone, now)
  local numbers, count, pieces, keys, at, progress, payload = read_record(rec, clock_key)
  local body = HEAD_SIZE + 1 + 16 * (1 + count) + 24 * pieces
  local used = string.rep('\0', 40)
  if string.byte(rec, body) == 1 then used = string.sub(rec, body + 8, body + 47) end
  local vector, known = nil, redis.call('MGET', unpack(keys))
  local behind = at
  local scopes = string.byte(rec, at)
  behind = behind + 2
  for _ = 1, scopes do
    local size, items = string.byte(rec, behind, behind + 1)
    behind = behind + 3 + size + items * ITEM_SIZE
  end
  if progress > 0 then used = string.sub(rec, behind, behind + 39) end
  vector = {struct.unpack(VECTOR, used)}
  local writes = apply(rec, numbers, count, pieces, keys, known, at, vector, vector, now, true)
  if #writes > 0 then redis.call('MSET', unpack(writes)) end
  local told = string.sub(rec, behind + progress, behind + progress + payload - 1)
  local meta = string.sub(rec, behind + progress + payload)
  redis.call('XADD', journal, '*', 'f', struct.pack(ROW, 0, numbers[2], now, #meta) .. meta .. used
    .. string.char(#rid, 7) .. rid .. 'expired' .. told)
  redis.call('SET', tombstone, string.char(3) .. used .. rec, 'PX', TOMBSTONE)
end
