-- Ends a hold: in each state, what the hold holds (is_open), or what the reaper charged when it closed the
-- hold (the vector `before`), is replaced by what was really used (the vector `after`). `known` are the
-- values of `keys`. Returns keys and states to write, and where the plan ends.
local function close(record, numbers, count, keys, known, at, before, after, now, is_open)
  local get, put, sub, byte = struct.unpack, struct.pack, string.sub, string.byte
  local floor, min = math.floor, math.min
  local scopes, user_scope = byte(record, at, at + 1)
  local writes, item = {}, 0
  local first_piece, last_number = HOLD_NUMBERS + ITEM_NUMBERS * count + 1, #numbers - 1
  at = at + PLAN_HEAD
  for scope = 1, scopes do
    local size, items, changing = byte(record, at, at + 2)
    local layout = sub(record, at + SCOPE_HEAD, at + SCOPE_HEAD + size - 1)
    local key, state = keys[1 + scope], known[1 + scope]
    at = at + SCOPE_HEAD + size
    local kept = scope == user_scope
    if state and sub(state, 1, size) ~= layout then
      -- include: scope.arrange
      state = arrange(state, layout)
    end
    if state then
      local format = sub(NUMBERS, 1, changing + 1)
      local values = {get(format, state, size + 1)}
      local resting, i, offset = sub(state, values[changing + 1]), 1, 0
      for _ = 1, items do
        local algorithm, metric, scale, limit, a = get(ITEM, record, at)
        item, at = item + 1, at + ITEM_BYTES
        local amount, position = numbers[2 * item + 1], numbers[2 * item + 2]
        local use, charge = after[metric], before[metric]
        if algorithm == IS_RING then
          -- include: ring.now ring.close
        elseif algorithm == IS_CALENDAR then
          -- include: calendar.close
        elseif algorithm == IS_LEASES then
          -- include: leases.close
        elseif algorithm == IS_PURSE then
          -- include: purse.close
        elseif algorithm == IS_ECHO then
          offset = offset + ECHO_BYTES
        else
          local full = position
          -- include: bucket.refill bucket.close
        end
      end
      state = layout .. put(format, unpack(values)) .. resting
      if kept then
        redis.call('SET', key, state, 'KEEPTTL')
      else
        writes[#writes + 1] = key
        writes[#writes + 1] = state
      end
    else
      item, at = item + items, at + items * ITEM_BYTES
    end
  end
  return writes, at
end
