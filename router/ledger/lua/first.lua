-- A record as version 1 wrote it (cmsgpack), in the shape of today's.
local function read_first_record(raw)
  local state, t0, dispatched, crash, progress, payload, meta, scopes, old =
    unpack(cmsgpack.unpack(raw))
  if not old then return {state} end
  local items, numbers, taken = {}, {}, {}
  local function take(n, item)
    local span, algo = item[7], item[3]
    local windowed = algo == 'S' or algo == 'B'
    items[#items + 1] = struct.pack(ITEM, string.byte(algo), item[1], item[4], item[8],
      windowed and span or 0, 0, 0, windowed and 0 or span, item[9], #item[2], item[2])
    numbers[#numbers + 1] = struct.pack(PAIR, item[5], item[6])
    taken[n] = true
  end
  for n, item in ipairs(old) do
    for k = n, #old do
      local same = old[k][1] == item[1] and old[k][2] == item[2]
      if same and not taken[k] then take(k, old[k]) end
    end
  end
  return {state, t0, dispatched, crash, progress, payload, table.concat(scopes, '\n'),
    table.concat(numbers), table.concat(items), meta}
end
