-- A ring turned on to a later slot: its 13 slots lie in `rest` after `o` bytes. Returns rest, and
-- what is used in the 12 slots before the new one.
local function turn(rest, o, slot, used, to)
  local ring = {struct.unpack(RING, rest, o + 1)}
  ring[1 + slot % SLOTS] = used
  for k = math.max(slot + 1, to - SLOTS + 1), to do ring[1 + k % SLOTS] = 0 end
  local older = 0
  for k = 1, SLOTS do older = older + ring[k] end
  return string.sub(rest, 1, o) .. struct.pack(RING, unpack(ring)) .. string.sub(rest, o + 105), older
end

-- One number of `rest` replaced: the one that begins after `o` bytes.
local function replace(rest, o, number)
  return string.sub(rest, 1, o) .. struct.pack('<d', number) .. string.sub(rest, o + 9)
end
