-- The record of a hold, as the codec lays it out.

-- section: read
-- Returns its numbers (lease end, admission, amount and position of each item, then its pieces; last,
-- where its body begins), how many items, the keys of its scopes (after the clock's), where its plan
-- begins, and the lengths of progress and payload, which follow the plan.
local function read_hold(record, clock_key)
  local get, sub, byte = struct.unpack, string.sub, string.byte
  local items, pieces = get(HOLD_HEAD, record)
  local size = HOLD_NUMBERS + ITEM_NUMBERS * items + PIECE_NUMBERS * pieces
  local format = size <= MOST_NUMBERS and sub(NUMBERS, 1, size + 1) or '<' .. string.rep('d', size)
  local numbers = {get(format, record, HOLD_HEAD_BYTES + 1)}
  local at = numbers[size + 1]
  local _, progress, payload, length = get(BODY, record, at)
  at = at + BODY_BYTES + length
  local keys, text = {clock_key}, sub(record, at - length, at - 1)
  if byte(record, at) == 1 then
    keys[2] = text
  else
    for key in string.gmatch(text, '[^\n]+') do keys[#keys + 1] = key end
  end
  return numbers, items, keys, at, progress, payload
end

-- section: plan_end
-- Returns where the plan that begins at `at` ends; progress, payload and meta follow it.
local function plan_end(record, at)
  local scopes = string.byte(record, at)
  at = at + PLAN_HEAD
  for _ = 1, scopes do
    local size, items = string.byte(record, at, at + 1)
    at = at + SCOPE_HEAD + size + items * ITEM_BYTES
  end
  return at
end
