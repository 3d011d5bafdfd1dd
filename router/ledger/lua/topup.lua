-- Adds to what an open request holds, all of it or nothing, while it streams.
-- KEYS: holds, clock.   ARGV: rid; lease ms; vector more.
-- Minute windows take it in the slot or level of now, calendar windows in the window of admission.
-- The lease is renewed either way. Returns {0} held, {1, field} denied by that dimension, {-3} the
-- lease is gone.

-- include: states records layout older

local rec = redis.call('HGET', KEYS[1], ARGV[1])
if not rec then return {-3} end
local numbers, count, pieces, keys, at = read_record(rec, KEYS[2])
local body = HEAD_SIZE + 1 + 16 * (1 + count) + 24 * pieces
local known = redis.call('MGET', unpack(keys))
local stored = known[1]
-- include: clock
local more, writes, fresh = {struct.unpack(VECTOR, ARGV[3])}, {}, {}

-- Keeps the record, with its lease renewed and what it holds.
local function keep(held)
  local size = #held + #fresh
  redis.call('HSET', KEYS[1], ARGV[1], struct.pack(HEAD, 3, count, (size - 2 - 2 * count) / 3)
    .. struct.pack('<' .. string.rep('d', #held), unpack(held))
    .. struct.pack('<' .. string.rep('d', #fresh), unpack(fresh)) .. string.sub(rec, body))
  if clock then redis.call('SET', KEYS[2], clock) end
end

-- Where the newest piece of an item is in `numbers` (its amount), or its own amount.
local function newest_of(item)
  local found = 1 + 2 * item
  for k = 2 + 2 * count, 2 * count + 3 * pieces - 1, 3 do
    if numbers[k + 1] == item then found = k + 2 end
  end
  return found
end

-- Each: (v, i, rest, o, item fields, amount, pos) -> rest, pos, or nil where it does not fit.
local function grow_ring(v, i, rest, o, limit, a, amount)
  local slot, newest = v[i], math.floor(now / a)
  if newest > slot then
    rest, v[i + 2] = turn(rest, o, slot, v[i + 1], newest)
    v[i], v[i + 1] = newest, 0
  end
  if v[i + 1] + v[i + 2] + amount > limit then return nil end
  v[i + 1] = v[i + 1] + amount
  return rest, v[i]
end

local function grow_calendar(v, i, rest, o, limit, d, amount, pos)
  local start, stop, left, last, earlier, _, hold = struct.unpack('<ddddddd', rest, o + 1)
  if stop == 0 then return nil end
  if start == pos then
    local most = (limit >= 0 and limit or last) + math.max(0, math.min(d, left))
    if v[i] + v[i + 1] + (v[i + 2] > 0 and 1 or 0) + amount > most then return nil end
    v[i + 1] = v[i + 1] + amount
  elseif earlier == pos and left >= amount then
    rest = replace(replace(rest, o + 16, left - amount), o + 48, hold + amount)
  else
    return nil
  end
  return rest, pos
end

local function grow_bucket(v, i, rest, limit, a, amount, cap)
  local level, ts = v[i], v[i + 1]
  if ts == 0 then level, ts = cap, now end
  if now > ts then level, ts = level + (now - ts) * limit, now end
  level = math.min(cap, level)
  if amount * a > level then return nil end
  v[i], v[i + 1] = level - amount * a, ts
  return rest, cap
end

local renewed = {unpack(numbers, 1, #numbers - 1)}
renewed[1] = now + tonumber(ARGV[2])
local scopes = string.byte(rec, at)
local item = 0
at = at + 2
local after = {unpack(renewed)}
for scope = 1, scopes do
  local size, items, heads = string.byte(rec, at, at + 2)
  local layout, key = string.sub(rec, at + 3, at + 2 + size), keys[1 + scope]
  local raw, names = known[1 + scope] or older_state(key), {}
  for name in string.gmatch(layout, '([^ ;]+)') do names[#names + 1] = string.sub(name, 2) end
  raw = arrange(raw, layout)
  at = at + 3 + size
  local format = string.sub(DOUBLES, 1, heads + 1)
  local v = {struct.unpack(format, raw, size + 1)}
  local rest, i, o = string.sub(raw, v[heads + 1]), 1, 0
  for k = 1, items do
    local algo, metric, scale, limit, a, _, _, d = struct.unpack(ITEM, rec, at)
    local amount, place, pos = math.ceil(more[metric] / scale), nil, nil
    item, at = item + 1, at + ITEM_SIZE
    if amount > 0 and algo ~= ALGO_L then
      place = newest_of(item)
      local grown
      if algo == ALGO_S then
        grown, pos = grow_ring(v, i, rest, o, limit, a, amount)
      elseif algo == ALGO_C then
        grown, pos = grow_calendar(v, i, rest, o, limit, d, amount, numbers[place + 1])
      else
        grown, pos = grow_bucket(v, i, rest, limit, a, amount, numbers[place + 1])
      end
      if not grown then
        fresh = {}
        keep(renewed)
        return {1, names[k]}
      end
      rest = grown
      if pos == numbers[place + 1] then
        after[place] = after[place] + amount
      else
        for _, number in ipairs({item, amount, pos}) do fresh[#fresh + 1] = number end
      end
    end
    i = i + (algo == ALGO_L and 1 or algo == ALGO_B and 2 or 3)
    o = o + (algo == ALGO_S and 104 or algo == ALGO_C and 64 or 0)
  end
  writes[#writes + 1] = {key, layout .. struct.pack(format, unpack(v)) .. rest}
end
for _, write in ipairs(writes) do redis.call('SET', write[1], write[2], 'KEEPTTL') end
keep(after)
return {0}
