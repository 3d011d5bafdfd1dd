-- Adds to what an open request holds, all of it or nothing, while it streams.
-- KEYS: record, leases, clock.   ARGV: rid; lease ms; vector more.
-- Minute windows take it in the slot or level of now, calendar windows in the window of admission.
-- The lease is renewed either way. Returns {0} held, {1, field} denied by that dimension, {-3} the
-- lease is gone.

-- include: clock states records

local raw = redis.call('GET', KEYS[1])
local rec = raw and read_record(raw)
if not rec or rec[1] ~= 1 then return {-3} end
local now, clock = clock_at(redis.call('GET', KEYS[3]))
local more = {struct.unpack(VECTOR, ARGV[3])}
redis.call('ZADD', KEYS[2], 'XX', now + tonumber(ARGV[2]), ARGV[1])
if clock then redis.call('SET', KEYS[3], clock) end

-- GROW[algorithm](state, item, amount) -> new state and pos, or nil where it does not fit.
local GROW = {}

GROW[ALGO_S] = function(state, item, amount)
  local r, slot = ring_at(state, now, item[5])
  if ring_sum(r) + amount > item[4] then return nil end
  r[2 + slot % SLOTS] = r[2 + slot % SLOTS] + amount
  return struct.pack(RING, unpack(r)), slot
end

GROW[ALGO_B] = function(state, item, amount)
  local level, ts = bucket_at(state, now, item[4], item[13])
  if amount * item[5] > level then return nil end
  return struct.pack(PAIR, level - amount * item[5], ts), item[13]
end

GROW[ALGO_C] = function(state, item, amount)
  if not state then return nil end
  local c, pos = {struct.unpack(CALENDAR, state)}, item[13]
  if c[1] == pos then
    local most = (item[4] >= 0 and item[4] or c[6]) + carry_of(c, item[8])
    if c[3] + c[4] + (c[7] > 0 and 1 or 0) + amount > most then return nil end
    c[4] = c[4] + amount
  elseif c[8] == pos and c[5] >= amount then
    c[10], c[5] = c[10] + amount, c[5] - amount
  else
    return nil
  end
  return struct.pack(CALENDAR, unpack(c)), pos
end

local keys = {}
for key in string.gmatch(rec[7], '[^\n]+') do keys[#keys + 1] = key end
local states, packed, numbers, items, count = {}, {}, {}, items_of(rec)
local start = 1
for n = 1, count do
  local item = items[n]
  local following = items[n + 1]
  local blob = string.sub(rec[9], start, item[11] - 1)
  local newest = not (following and following[2] == item[2] and following[10] == item[10])
  local amount = math.ceil(more[item[3]] / item[9])
  start = item[11]
  packed[#packed + 1], numbers[#numbers + 1] = blob, struct.pack(PAIR, item[12], item[13])
  if newest and GROW[item[1]] and amount > 0 then
    local state = redis.call('HGET', keys[item[2]], item[10])
    local grown, pos = GROW[item[1]](state, item, amount)
    if not grown then return {1, item[10]} end
    states[#states + 1] = {keys[item[2]], item[10], grown}
    if pos == item[13] then
      numbers[#numbers] = struct.pack(PAIR, item[12] + amount, pos)
    else
      packed[#packed + 1], numbers[#numbers + 1] = blob, struct.pack(PAIR, amount, pos)
    end
  end
end
for _, s in ipairs(states) do redis.call('HSET', s[1], s[2], s[3]) end
rec[8], rec[9] = table.concat(numbers), table.concat(packed)
write_record(KEYS[1], rec)
return {0}
