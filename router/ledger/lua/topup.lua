-- Adds to what an open request holds, all of it or nothing, while it streams.
-- KEYS: record, leases, clock.   ARGV: rid; lease ms; vector more.
-- Minute windows take it in the slot or level of now, calendar windows in the window of admission.
-- The lease is renewed either way. Returns {0} held, {1, field} denied by that dimension, {-3} the
-- lease is gone.

local raw = redis.call('GET', KEYS[1])
local rec = raw and cmsgpack.unpack(raw)
if not rec or rec[1] ~= 1 then return {-3} end
local now, clock = read_clock(KEYS[3])
local more = vector(ARGV[3])
redis.call('ZADD', KEYS[2], 'XX', now + tonumber(ARGV[2]), ARGV[1])
redis.call('SET', KEYS[3], clock)

local GROW = {}

function GROW.S(state, item, amount)
  local slot = floor(now / item[7])
  local r = ring_at(state, slot)
  if ring_sum(r) + amount > item[8] then return nil end
  r[2 + slot % SLOTS] = r[2 + slot % SLOTS] + amount
  return struct.pack(RING, unpack(r)), slot
end

function GROW.B(state, item, amount)
  local b = bucket_at(state, now, item[8], item[6])
  if amount * item[7] > b[1] then return nil end
  return struct.pack('>i8i8', b[1] - amount * item[7], now), item[6]
end

function GROW.C(state, item, amount)
  if not state then return nil end
  local c = calendar_raw(state)
  if c[1] == item[6] then
    local most = (item[8] >= 0 and item[8] or c[6]) + max(0, min(item[7], c[5]))
    if c[3] + c[4] + (c[7] > 0 and 1 or 0) + amount > most then return nil end
    c[4] = c[4] + amount
  elseif c[8] == item[6] and c[5] >= amount then
    c[10], c[5] = c[10] + amount, c[5] - amount
  else
    return nil
  end
  return struct.pack(CAL, unpack(c)), item[6]
end

local seen, states, items = {}, {}, rec[9]
for n = #items, 1, -1 do
  local item = items[n]
  local key = item[1] .. item[2]
  if not seen[key] and GROW[item[3]] then
    seen[key] = true
    local amount = amount_of(more, item[4], item[9])
    if amount > 0 then
      local state = redis.call('HGET', rec[8][item[1]], item[2])
      local grown, pos = GROW[item[3]](state, item, amount)
      if not grown then return {1, item[2]} end
      states[#states + 1] = {rec[8][item[1]], item[2], grown}
      if pos == item[6] then
        item[5] = item[5] + amount
      else
        local extra = {unpack(item)}
        extra[5], extra[6] = amount, pos
        items[#items + 1] = extra
      end
    end
  end
end
for _, s in ipairs(states) do redis.call('HSET', s[1], s[2], s[3]) end
redis.call('SET', KEYS[1], cmsgpack.pack(rec))
return {0}
