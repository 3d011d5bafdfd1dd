-- A record, read: {state, t0, dispatched, crash, progress, payload, scopes, numbers, items, meta}.
local function read_record(raw)
  local version, state = string.byte(raw, 1, 2)
  if version ~= 2 then
    -- include: first
    return read_first_record(raw)
  end
  if #raw == 2 then return {state} end
  local _, _, dispatched, t0, crash, progress, payload, scopes, numbers, items, meta =
    struct.unpack(RECORD, raw)
  return {state, t0, dispatched, crash, progress, payload, scopes, numbers, items, meta}
end

local function write_record(key, r)
  redis.call('SET', key, struct.pack(RECORD, 2, r[1], r[3], r[2], r[4], #r[5], r[5], #r[6], r[6], #r[7], r[7],
    #r[8], r[8], #r[9], r[9], #r[10], r[10]))
end

-- The items of a record: as packed, and amount and pos in [12] and [13].
local function items_of(rec)
  local blob, numbers, items, at, n = rec[9], rec[8], {}, 1, 0
  while at <= #blob do
    local item = {struct.unpack(ITEM, blob, at)}
    n, at = n + 1, item[11]
    item[12], item[13] = struct.unpack(PAIR, numbers, 16 * n - 15)
    items[n] = item
  end
  return items, n
end
