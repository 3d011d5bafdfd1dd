-- A ring turned on to a later slot: its 13 slots lie in `rest` after `o` bytes. Returns rest, and
-- what is used in the 12 slots before the new one. Bytes are moved, since whoever comes seldom turns
-- the ring each time, and a number costs more to read and to write again.
local function turn(rest, o, slot, used, to)
  local sub, from, last = string.sub, slot % SLOTS, to % SLOTS
  local head, tail = sub(rest, 1, o), sub(rest, o + 105)
  if to - slot >= SLOTS then return head .. ZEROS .. tail, 0 end
  local newest, ring = struct.pack('<d', used), nil
  if last > from then
    ring = sub(rest, o + 1, o + 8 * from) .. newest .. sub(ZEROS, 1, 8 * (to - slot))
      .. sub(rest, o + 8 * last + 9, o + 104)
  else
    ring = sub(ZEROS, 1, 8 * last + 8) .. sub(rest, o + 8 * last + 9, o + 8 * from) .. newest
      .. sub(ZEROS, 8 * from + 9)
  end
  local a, b, c, d, e, f, g, h, i, j, k, l, m = struct.unpack(RING, ring)
  return head .. ring .. tail, a + b + c + d + e + f + g + h + i + j + k + l + m
end

-- One number of `rest` replaced: the one that begins after `o` bytes.
local function replace(rest, o, number)
  return string.sub(rest, 1, o) .. struct.pack('<d', number) .. string.sub(rest, o + 9)
end
