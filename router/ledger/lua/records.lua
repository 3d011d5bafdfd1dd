-- A record, read: its numbers (from the third on amount and pos of its items, then its pieces), how
-- many items and pieces, the keys of its scopes (after the clock's), where its plan begins, and how
-- long progress and payload behind the plan are.
local function read_record(rec, clock_key)
  local get, sub, byte = struct.unpack, string.sub, string.byte
  local count, low, high = byte(rec, 2, 4)
  local pieces = low + 256 * high
  local size = 2 + 2 * count + 3 * pieces
  local format = size <= MOST_DOUBLES and sub(DOUBLES, 1, size + 1) or '<' .. string.rep('d', size)
  local numbers = {get(format, rec, HEAD_SIZE + 1)}
  local at = numbers[size + 1]
  local _, progress, payload, length = get(BODY, rec, at)
  at = at + BODY_SIZE + length
  local keys, text = {clock_key}, sub(rec, at - length, at - 1)
  if byte(rec, at) == 1 then
    keys[2] = text
  else
    for key in string.gmatch(text, '[^\n]+') do keys[#keys + 1] = key end
  end
  return numbers, count, pieces, keys, at, progress, payload
end
