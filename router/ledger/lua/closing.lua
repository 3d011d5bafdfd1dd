-- Each moves an item from what it holds (from) to what was really used (to, in the vector's unit).
-- held: whether `from` is still reserved (a settlement) or already charged (an adjustment).

local function close_ring(raw, item, pos, from, to, now)
  local r, slot = ring_at(raw, now, item[5])
  local delta = math.ceil(to / item[9]) - from
  if slot - pos < SLOTS then
    r[2 + pos % SLOTS] = r[2 + pos % SLOTS] + delta
  elseif delta > 0 then
    r[2 + slot % SLOTS] = r[2 + slot % SLOTS] + delta
  end
  return struct.pack(RING, unpack(r))
end

local function close_bucket(raw, item, cap, from, to, now)
  local level, ts = bucket_at(raw, now, item[4], cap)
  return struct.pack(PAIR, math.min(cap, level + (from - math.ceil(to / item[9])) * item[5]), ts)
end

local function close_calendar(raw, item, pos, from, to, held)
  if not raw then return nil end
  local c, scale = {struct.unpack(CALENDAR, raw)}, item[9]
  local used, hold, rem = 3, 4, 7
  if c[1] ~= pos then
    if c[8] ~= pos then return nil end
    used, hold, rem = 9, 10, 11
  end
  local before = c[used]
  local pico = c[rem] + (held and to or to - from)
  c[used] = before + math.floor(pico / scale)
  c[rem] = pico % scale
  if held then c[hold] = c[hold] - from end
  if used == 9 then c[5] = c[5] + (held and from or 0) - (c[used] - before) end
  return struct.pack(CALENDAR, unpack(c))
end

-- Closes (held) or adjusts (not held) the items of one scope, items[first] to items[last]. Those of
-- one place share one actual: filled in order, the last takes the rest.
local function close_scope(key, items, first, last, before, after, now, held)
  local fields, places = {}, 0
  for n = first, last do
    local field = items[n][10]
    if field ~= fields[places] then places = places + 1; fields[places] = field end
  end
  local raws, write, place = redis.call('HMGET', key, unpack(fields)), {}, 0
  local state, to_left, from_left
  for n = first, last do
    local item = items[n]
    local field, metric = item[10], item[3]
    if field ~= fields[place] then
      place = place + 1
      state, to_left, from_left = raws[place], after[metric], before[metric]
    end
    local to, from, more = to_left, from_left, n < last and items[n + 1][10] == field
    if more then to, from = math.min(to, item[12] * item[9]), math.min(from, item[12] * item[9]) end
    to_left, from_left = to_left - to, from_left - from
    local algo, was = item[1], item[12]
    if algo == ALGO_C then
      if not held then was = from end
      state = close_calendar(state, item, item[13], was, to, held) or state
    elseif algo ~= ALGO_L then
      if not held then was = math.ceil(from / item[9]) end
      state = (algo == ALGO_S and close_ring or close_bucket)(state, item, item[13], was, to, now)
    elseif held then
      state = struct.pack('>i8', math.max(0, (state and struct.unpack('>i8', state) or 0) - 1))
    end
    if state and not more then write[#write + 1] = field; write[#write + 1] = state end
  end
  if #write > 0 then redis.call('HSET', key, unpack(write)) end
end

-- Applies one closing (held) or adjusting (not held) of a record to all its scopes.
local function apply(rec, before, after, now, held)
  local items, count = items_of(rec)
  local first, number = 1, 0
  for key in string.gmatch(rec[7], '[^\n]+') do
    number = number + 1
    local last = first - 1
    while last < count and items[last + 1][2] == number do last = last + 1 end
    if last >= first then close_scope(key, items, first, last, before, after, now, held) end
    first = last + 1
  end
end

-- One row of the usage journal, packed in one field: seq, t0, now, the vector `used`, lengths of rid,
-- status and meta, then these three and the payload.
local function journal(key, rid, seq, status, t0, now, used, meta, payload)
  redis.call('XADD', key, '*', 'e', struct.pack(ROW, seq, t0, now, used, #rid, #status, #meta)
    .. rid .. status .. meta .. payload)
end
