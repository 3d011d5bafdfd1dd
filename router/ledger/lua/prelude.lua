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
-- A record is {state, t0, dispatched, crash, progress, payload, meta, scope keys, items}; an item is
-- {scope, field, algo, metric, amount, pos, span, limit, scale}; pos = ring slot or window id.
-- Record states: 1 open, 2 settled, 3 closed by the reaper, 4 reaped and then adjusted.

local RING, CAL, VEC = '>i8i8i8i8i8i8i8i8i8i8i8i8i8i8', '>i8i8i8i8i8i8i8i8i8i8i8', '>i8i8i8i8i8'
local SLOTS, TOMBSTONE = 13, 900000
local floor, max, min, ceil = math.floor, math.max, math.min, math.ceil
local ZERO = {0, 0, 0, 0, 0}

-- A clock that never runs backwards and never stands still: where TIME jumps back, it goes on from
-- where it was, a tenth slower until TIME has caught up. Returns now and what to store with it.
local function read_clock(key)
  local t = redis.call('TIME')
  local real = t[1] * 1000 + floor(t[2] / 1000)
  local stored = redis.call('GET', key)
  if not stored then return real, struct.pack('>i8i8', real, real) end
  local last, last_real = struct.unpack('>i8i8', stored)
  local ahead
  if real >= last_real then
    ahead = last - last_real
    ahead = max(0, ahead - floor((real - last_real) / 10))
  else
    ahead = last - real
  end
  return real + ahead, struct.pack('>i8i8', real + ahead, real)
end

local function vector(blob)
  return {struct.unpack(VEC, blob)}
end

-- The amount of an item's dimension in a vector: money is rounded up to a whole nano-USD.
local function amount_of(vec, metric, scale)
  return ceil(vec[metric] / scale)
end

local function ring_at(raw, slot)
  local r = raw and {struct.unpack(RING, raw)} or {slot, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
  local behind = slot - r[1]
  if behind > 0 then
    for k = max(r[1] + 1, slot - SLOTS + 1), slot do r[2 + k % SLOTS] = 0 end
    r[1] = slot
  end
  return r
end

local function ring_sum(r)
  local sum = 0
  for k = 2, SLOTS + 1 do sum = sum + r[k] end
  return sum
end

local function bucket_at(raw, now, limit, cap)
  if not raw then return {cap, now} end
  local level, ts = struct.unpack('>i8i8', raw)
  return {min(cap, level + max(0, now - ts) * limit), now}
end

local function calendar_raw(raw)
  return {struct.unpack(CAL, raw)}
end

-- What the window before leaves to this one, as today's policy caps it.
local function carry_of(c, cap)
  return max(0, min(cap, c[5]))
end

-- The calendar state at now, rolled into the window [start, stop) where the stored one has ended.
-- A stored window that has not ended stays: a change of time zone acts at the next boundary.
local function calendar_at(raw, now, start, stop, cap, limit)
  if not raw then return {start, stop, 0, 0, 0, limit, 0, 0, 0, 0, 0} end
  local c = calendar_raw(raw)
  if now < c[2] then
    c[6] = limit
    return c
  end
  local left = c[6] + carry_of(c, cap) - c[3] - c[4]
  return {max(start, c[2]), stop, 0, 0, left, limit, 0, c[1], c[3], c[4], c[7]}
end

-- Moves an item from what it holds (from) to what was really used (to, in the vector's unit).
-- held: whether `from` is still reserved (a settlement) or already charged (an adjustment).
local CLOSE = {}

function CLOSE.S(raw, item, from, to, now)
  local slot = floor(now / item[7])
  local r = ring_at(raw, slot)
  local delta = ceil(to / item[9]) - from
  if slot - item[6] < SLOTS then
    r[2 + item[6] % SLOTS] = r[2 + item[6] % SLOTS] + delta
  elseif delta > 0 then
    r[2 + slot % SLOTS] = r[2 + slot % SLOTS] + delta
  end
  return struct.pack(RING, unpack(r))
end

function CLOSE.B(raw, item, from, to, now)
  local cap = item[6]
  local b = bucket_at(raw, now, item[8], cap)
  b[1] = min(cap, b[1] + (from - ceil(to / item[9])) * item[7])
  return struct.pack('>i8i8', b[1], b[2])
end

function CLOSE.C(raw, item, from, to, _, held)
  if not raw then return nil end
  local c = calendar_raw(raw)
  local used, hold, rem = 3, 4, 7
  if c[1] ~= item[6] then
    if c[8] ~= item[6] then return nil end
    used, hold, rem = 9, 10, 11
  end
  local before = c[used]
  local pico = c[rem] + (held and to or to - from)
  c[used] = c[used] + floor(pico / item[9])
  c[rem] = pico % item[9]
  if held then c[hold] = c[hold] - from end
  if used == 9 then c[5] = c[5] + (held and from or 0) - (c[used] - before) end
  return struct.pack(CAL, unpack(c))
end

function CLOSE.L(raw, _, _, _, _, held)
  if not held then return nil end
  return struct.pack('>i8', max(0, (raw and struct.unpack('>i8', raw) or 0) - 1))
end

-- Items of one scope and dimension (the hold and its top-ups) share one actual: filled in order,
-- the last takes the rest. Returns the share of each item.
local function shares(items, vec)
  local last, rest, out = {}, {}, {}
  for n, item in ipairs(items) do last[item[1] .. item[2]] = n end
  for n, item in ipairs(items) do
    local key = item[1] .. item[2]
    local left = rest[key] or vec[item[4]]
    out[n] = last[key] == n and left or min(left, item[5] * item[9])
    rest[key] = left - out[n]
  end
  return out
end

-- Applies one closing (held) or adjusting (not held) of a record to all its scopes.
local function apply(rec, before, after, now, held)
  local to, from, by_scope = shares(rec[9], after), before and shares(rec[9], before), {}
  for n, item in ipairs(rec[9]) do
    local of = by_scope[item[1]]
    if not of then of = {}; by_scope[item[1]] = of end
    of[#of + 1] = n
  end
  for scope, numbers in pairs(by_scope) do
    local key, fields, state = rec[8][scope], {}, {}
    for k, n in ipairs(numbers) do fields[k] = rec[9][n][2] end
    local raws = redis.call('HMGET', key, unpack(fields))
    for k, n in ipairs(numbers) do
      local item = rec[9][n]
      local raw = state[fields[k]] or raws[k]
      local was = item[5]
      if not held then was = item[3] == 'C' and from[n] or ceil(from[n] / item[9]) end
      state[fields[k]] = CLOSE[item[3]](raw, item, was, to[n], now, held) or raw
    end
    local write = {}
    for field, value in pairs(state) do
      if value then write[#write + 1] = field; write[#write + 1] = value end
    end
    if #write > 0 then redis.call('HSET', key, unpack(write)) end
  end
end

-- One row of the usage journal.
local function journal(key, rid, seq, status, t0, now, vec, meta, payload)
  local used = string.format('%.0f,%.0f,%.0f,%.0f,%.0f', vec[1], vec[2], vec[3], vec[4], vec[5])
  redis.call('XADD', key, '*', 'rid', rid, 'seq', seq, 'status', status,
    't0', string.format('%.0f', t0), 't1', string.format('%.0f', now),
    'used', used, 'meta', meta, 'payload', payload)
end

-- Closes up to `most` leases that have run out: charged for progress where one was reported, for
-- the prompt where it had only been dispatched, for nothing where it never was.
local function reap(leases, journal_key, prefix, now, most)
  local due = redis.call('ZRANGEBYSCORE', leases, '-inf', string.format('(%.0f', now), 'LIMIT', 0, most)
  for _, rid in ipairs(due) do
    local raw = redis.call('GET', prefix .. rid)
    redis.call('ZREM', leases, rid)
    if raw then
      local rec = cmsgpack.unpack(raw)
      if rec[1] == 1 then
        local used = rec[5] ~= '' and vector(rec[5]) or rec[3] == 1 and vector(rec[4]) or ZERO
        apply(rec, nil, used, now, true)
        journal(journal_key, rid, 0, 'expired', rec[2], now, used, rec[7], rec[6])
        rec[1], rec[5] = 3, struct.pack(VEC, unpack(used))
        redis.call('SET', prefix .. rid, cmsgpack.pack(rec), 'PX', TOMBSTONE)
      end
    end
  end
  return due
end
