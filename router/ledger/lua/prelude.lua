-- Shared by every script of the ledger; prepended to each before it is loaded.
--
-- Units: instants and spans in milliseconds; amounts in the unit of their dimension (requests,
-- tokens, nano-USD); costs in a vector of five metrics in pico-USD. Every number stays below 2^53.
-- A vector is 40 bytes, five big-endian 64-bit integers: q requests, t tokens, i input, o output,
-- u pico-USD. A scope is a hash: field = dimension, value = packed integers:
--   S ring      slot index, 13 slots        L leases    count of open records
--   B bucket    level (amount x window), instant
--   C calendar  window id, its end, used, held, left over from the window before, limit last seen,
--               pico remainder of used; the window before: id, used, held, pico remainder
-- A record is RECORD: version 2, state, dispatched, t0, vector crash, then with their lengths:
-- vector of progress (or nothing), payload, scope keys (one a line), amount and pos of each item,
-- the items as reserve was given them (ITEM), meta. pos = ring slot, window id, or bucket size x
-- window. Items of one scope and dimension (a hold and its top-ups) follow each other.
-- Record states: 1 open, 2 settled, 3 closed by the reaper, 4 reaped and then adjusted; a record of
-- state 2 or 4 is only its first two bytes.
--
-- What costs here, measured: a redis.call 2 us and more, a number made text 0.6 us, an allocated
-- string or table 0.2 us; a local function 0.07 us a run.

local RING, CAL, VEC = '>i8i8i8i8i8i8i8i8i8i8i8i8i8i8', '>i8i8i8i8i8i8i8i8i8i8i8', '>i8i8i8i8i8'
local ITEM, PAIR = '>BBBi8i8i8i8i8i4Bc0', '>i8i8'
local RECORD = '>BBBi8c40Bc0I4c0I4c0I4c0I4c0I4c0'
local S, B, C, L = 83, 66, 67, 76 -- algorithms: the letters' codes
local SLOTS, TOMBSTONE, REST = 13, '900000', 250
local NOTHING = string.rep('\0', 40)
local call, pack, read = redis.call, struct.pack, struct.unpack
local floor, max, min, ceil = math.floor, math.max, math.min, math.ceil

-- A clock that does not run backwards: where TIME jumps back, it goes on from where it was, a tenth
-- slower until TIME has caught up. It is stored at most every REST ms, and by that much it may step
-- back once: the states take an earlier instant for their last one. `stored`: what is stored.
-- Returns now, and what to store with the next write, if it is time.
local function clock_at(stored)
  local t = redis.call('TIME')
  local real = t[1] * 1000 + floor(t[2] / 1000)
  if not stored then return real, pack(PAIR, real, real) end
  local last, last_real = read(PAIR, stored)
  local ahead
  if real >= last_real then
    ahead = last - last_real
    ahead = max(0, ahead - floor((real - last_real) / 10))
    if real - last_real < REST then return real + ahead end
  else
    ahead = last - real
  end
  return real + ahead, pack(PAIR, real + ahead, real)
end

-- The ring at now and its slot, which never goes back.
local function ring_at(raw, now, sub)
  local slot = floor(now / sub)
  if not raw then return {slot, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, slot end
  local r = {read(RING, raw)}
  local from = r[1]
  if slot <= from then return r, from end
  for k = max(from + 1, slot - SLOTS + 1), slot do r[2 + k % SLOTS] = 0 end
  r[1] = slot
  return r, slot
end

local function ring_sum(r)
  return r[2] + r[3] + r[4] + r[5] + r[6] + r[7] + r[8] + r[9] + r[10] + r[11] + r[12] + r[13]
    + r[14]
end

-- The level of a bucket at now, and the instant of it.
local function bucket_at(raw, now, limit, cap)
  if not raw then return cap, now end
  local level, ts = read(PAIR, raw)
  if now <= ts then return min(cap, level), ts end
  return min(cap, level + (now - ts) * limit), now
end

-- What the window before leaves to this one, as today's policy caps it.
local function carry_of(c, cap)
  return max(0, min(cap, c[5]))
end

-- The calendar state at now, rolled into the window [start, stop) where the stored one has ended.
-- A stored window that has not ended stays: a change of time zone acts at the next boundary.
local function calendar_at(raw, now, start, stop, cap, limit)
  if not raw then return {start, stop, 0, 0, 0, limit, 0, 0, 0, 0, 0} end
  local c = {read(CAL, raw)}
  if now < c[2] then
    c[6] = limit
    return c
  end
  local left = c[6] + carry_of(c, cap) - c[3] - c[4]
  return {max(start, c[2]), stop, 0, 0, left, limit, 0, c[1], c[3], c[4], c[7]}
end

-- Each moves an item from what it holds (from) to what was really used (to, in the vector's unit).
-- held: whether `from` is still reserved (a settlement) or already charged (an adjustment).

local function close_ring(raw, item, pos, from, to, now)
  local r, slot = ring_at(raw, now, item[5])
  local delta = ceil(to / item[9]) - from
  if slot - pos < SLOTS then
    r[2 + pos % SLOTS] = r[2 + pos % SLOTS] + delta
  elseif delta > 0 then
    r[2 + slot % SLOTS] = r[2 + slot % SLOTS] + delta
  end
  return pack(RING, unpack(r))
end

local function close_bucket(raw, item, cap, from, to, now)
  local level, ts = bucket_at(raw, now, item[4], cap)
  return pack(PAIR, min(cap, level + (from - ceil(to / item[9])) * item[5]), ts)
end

local function close_calendar(raw, item, pos, from, to, held)
  if not raw then return nil end
  local c, scale = {read(CAL, raw)}, item[9]
  local used, hold, rem = 3, 4, 7
  if c[1] ~= pos then
    if c[8] ~= pos then return nil end
    used, hold, rem = 9, 10, 11
  end
  local before = c[used]
  local pico = c[rem] + (held and to or to - from)
  c[used] = before + floor(pico / scale)
  c[rem] = pico % scale
  if held then c[hold] = c[hold] - from end
  if used == 9 then c[5] = c[5] + (held and from or 0) - (c[used] - before) end
  return pack(CAL, unpack(c))
end

local function close_item(raw, item, from, to, now, held)
  local algo = item[1]
  if algo == L then
    if not held then return nil end
    return pack('>i8', max(0, (raw and read('>i8', raw) or 0) - 1))
  end
  local was = item[12]
  if algo == C then return close_calendar(raw, item, item[13], held and was or from, to, held) end
  if not held then was = ceil(from / item[9]) end
  return (algo == S and close_ring or close_bucket)(raw, item, item[13], was, to, now)
end

-- A record as version 1 wrote it (cmsgpack), in the shape of today's.
local function read_first_record(raw)
  local state, t0, dispatched, crash, progress, payload, meta, scopes, old = unpack(cmsgpack.unpack(raw))
  if not old then return {state} end
  local items, numbers, taken = {}, {}, {}
  local function take(n, item)
    local span, algo = item[7], item[3]
    local windowed = algo == 'S' or algo == 'B'
    items[#items + 1] = pack(ITEM, string.byte(algo), item[1], item[4], item[8],
      windowed and span or 0, 0, 0, windowed and 0 or span, item[9], #item[2], item[2])
    numbers[#numbers + 1] = pack(PAIR, item[5], item[6])
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

-- A record, read: {state, t0, dispatched, crash, progress, payload, scopes, numbers, items, meta}.
local function read_record(raw)
  local version, state = string.byte(raw, 1, 2)
  if version ~= 2 then return read_first_record(raw) end
  if #raw == 2 then return {state} end
  local _, _, dispatched, t0, crash, progress, payload, scopes, numbers, items, meta =
    read(RECORD, raw)
  return {state, t0, dispatched, crash, progress, payload, scopes, numbers, items, meta}
end

local function write_record(key, r)
  call('SET', key, pack(RECORD, 2, r[1], r[3], r[2], r[4], #r[5], r[5], #r[6], r[6], #r[7], r[7],
    #r[8], r[8], #r[9], r[9], #r[10], r[10]))
end

-- The items of a record: as packed, and amount and pos in [12] and [13].
local function items_of(rec)
  local blob, numbers, items, at, n = rec[9], rec[8], {}, 1, 0
  while at <= #blob do
    local item = {read(ITEM, blob, at)}
    n, at = n + 1, item[11]
    item[12], item[13] = read(PAIR, numbers, 16 * n - 15)
    items[n] = item
  end
  return items, n
end

-- Closes (held) or adjusts (not held) the items of one scope, items[first] to items[last]. Those of
-- one place share one actual: filled in order, the last takes the rest.
local function close_scope(key, items, first, last, before, after, now, held)
  local fields, places = {}, 0
  for n = first, last do
    local field = items[n][10]
    if field ~= fields[places] then places = places + 1; fields[places] = field end
  end
  local raws, write, place = call('HMGET', key, unpack(fields)), {}, 0
  local state, to_left, from_left
  for n = first, last do
    local item = items[n]
    local field, metric = item[10], item[3]
    if field ~= fields[place] then
      place = place + 1
      state, to_left, from_left = raws[place], after[metric], before[metric]
    end
    local to, from, more = to_left, from_left, n < last and items[n + 1][10] == field
    if more then to, from = min(to, item[12] * item[9]), min(from, item[12] * item[9]) end
    to_left, from_left = to_left - to, from_left - from
    state = close_item(state, item, from, to, now, held) or state
    if state and not more then write[#write + 1] = field; write[#write + 1] = state end
  end
  if #write > 0 then call('HSET', key, unpack(write)) end
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
  call('XADD', key, '*', 'e', pack('>Bi8i8c40BBI4', seq, t0, now, used, #rid, #status, #meta)
    .. rid .. status .. meta .. payload)
end

-- Closes up to `most` leases that have run out: charged for progress where one was reported, for
-- the prompt where it had only been dispatched, for nothing where it never was.
local function reap(leases, journal_key, prefix, now, most)
  local due = call('ZRANGEBYSCORE', leases, '-inf', string.format('(%.0f', now), 'LIMIT', 0, most)
  for _, rid in ipairs(due) do
    local raw = call('GET', prefix .. rid)
    call('ZREM', leases, rid)
    local rec = raw and read_record(raw)
    if rec and rec[1] == 1 then
      local used = rec[5] ~= '' and rec[5] or rec[3] == 1 and rec[4] or NOTHING
      local vector = {read(VEC, used)}
      apply(rec, vector, vector, now, true)
      journal(journal_key, rid, 0, 'expired', rec[2], now, used, rec[10], rec[6])
      rec[1], rec[5] = 3, used
      write_record(prefix .. rid, rec)
      call('PEXPIRE', prefix .. rid, TOMBSTONE)
    end
  end
  return due
end
