-- Adds to an open hold while its request streams: all that is wanted, or nothing. Sliding windows and
-- buckets count it now, calendar windows in the window in which the request was admitted. The lease is
-- renewed either way.
--
-- KEYS    open holds, clock
-- ARGV    hold id; lease ms; vector of what more is wanted
-- time    milliseconds
-- returns {GRANTED}; {DENIED, field of the dimension that refuses}; {GONE}: the hold is no longer open

-- include: ring.turn scope.replace scope.arrange hold.read

local get, sub, floor = struct.unpack, string.sub, math.floor
local record = redis.call('HGET', KEYS[1], ARGV[1])
if not record then return {GONE} end
local numbers, count, keys, at = read_hold(record, KEYS[2])
local body = table.remove(numbers)
local known = redis.call('MGET', unpack(keys))
local stored, clock_key = known[1], KEYS[2]
-- include: clock
local more, writes, pieces = {get(VECTOR, ARGV[3])}, {}, {}

-- Writes the record with a renewed lease, what it holds now and its new pieces.
local function keep(held, pieces)
  for _, number in ipairs(pieces) do held[#held + 1] = number end
  held[1] = now + tonumber(ARGV[2])
  redis.call('HSET', KEYS[1], ARGV[1],
    struct.pack(HOLD_HEAD, count, (#held - HOLD_NUMBERS - ITEM_NUMBERS * count) / PIECE_NUMBERS)
    .. struct.pack('<' .. string.rep('d', #held), unpack(held)) .. sub(record, body))
  if clock then redis.call('SET', KEYS[2], clock) end
end

-- Returns where the newest amount of an item stands: its last piece's, or its own.
local function newest_of(item)
  local newest = 2 * item + 1
  for k = HOLD_NUMBERS + ITEM_NUMBERS * count + 1, #numbers, PIECE_NUMBERS do
    if numbers[k] == item then newest = k + 1 end
  end
  return newest
end

local changing_bytes, resting_bytes = CHANGING_BYTES, RESTING_BYTES
local held, item, scopes = {unpack(numbers)}, 0, string.byte(record, at)
at = at + PLAN_HEAD
for scope = 1, scopes do
  local size, items, changing = string.byte(record, at, at + 2)
  local layout, key = sub(record, at + SCOPE_HEAD, at + SCOPE_HEAD + size - 1), keys[1 + scope]
  local state, fields = arrange(known[1 + scope], layout), {}
  for place in string.gmatch(layout, '([^ ;]+)') do fields[#fields + 1] = sub(place, 2) end
  at = at + SCOPE_HEAD + size
  local format = sub(NUMBERS, 1, changing + 1)
  local values = {get(format, state, size + 1)}
  local resting, i, offset = sub(state, values[changing + 1]), 1, 0
  for k = 1, items do
    local algorithm, metric, scale, limit, a, _, _, d = get(ITEM, record, at)
    local amount, place, fits, position = math.ceil(more[metric] / scale), nil, true, nil
    item, at = item + 1, at + ITEM_BYTES
    if amount > 0 and algorithm ~= IS_LEASES and algorithm ~= IS_ECHO then
      place = newest_of(item)
      position = numbers[place + 1]
      if algorithm == IS_RING then
        -- include: ring.now ring.grow
      elseif algorithm == IS_CALENDAR then
        -- include: calendar.grow
      elseif algorithm == IS_PURSE then
        -- include: purse.grow
      else
        local full = position
        -- include: bucket.refill bucket.grow
      end
      if not fits then
        keep(numbers, {})
        return {DENIED, fields[k]}
      end
      if position == numbers[place + 1] then
        held[place] = held[place] + amount
      else
        for _, number in ipairs({item, amount, position}) do pieces[#pieces + 1] = number end
      end
    end
    i = i + changing_bytes[algorithm] / NUMBER_BYTES
    offset = offset + resting_bytes[algorithm]
  end
  writes[#writes + 1] = {key, layout .. struct.pack(format, unpack(values)) .. resting}
end
for _, write in ipairs(writes) do redis.call('SET', write[1], write[2], 'KEEPTTL') end
keep(held, pieces)
return {GRANTED}
