-- The sliding window: thirteen slots of a twelfth of the window each, so that any real window lies
-- within what is counted. A hold counts in the slot in which it was taken, and is corrected there.
--
-- State  values[i]: number of the newest slot; values[i + 1]: used in it; values[i + 2]: used in the
--        twelve before it. `resting`, from `offset` on: what was used in each of the 13 slots; the place
--        of the newest is not kept up to date.
-- Item   a: ms of a slot. `limit` holds for any 13 slots in a row.

-- section: turn
-- Turns a ring on to a later slot. Returns the resting bytes, and what was used in the twelve slots before
-- the new one. It moves bytes, since reading and writing numbers again costs more, and a customer who comes
-- rarely turns the ring with each request.
local function turn(resting, offset, slot, used, to)
  local sub, from, last = string.sub, slot % RING_SLOTS, to % RING_SLOTS
  local head, tail = sub(resting, 1, offset), sub(resting, offset + RING_BYTES + 1)
  if to - slot >= RING_SLOTS then return head .. EMPTY_RING .. tail, 0 end
  local newest, ring = struct.pack(NUMBER, used), nil
  local behind_last = offset + NUMBER_BYTES * (last + 1)
  if last > from then
    ring = sub(resting, offset + 1, offset + NUMBER_BYTES * from) .. newest
      .. sub(EMPTY_RING, 1, NUMBER_BYTES * (to - slot)) .. sub(resting, behind_last + 1, offset + RING_BYTES)
  else
    ring = sub(EMPTY_RING, 1, NUMBER_BYTES * (last + 1))
      .. sub(resting, behind_last + 1, offset + NUMBER_BYTES * from) .. newest
      .. sub(EMPTY_RING, NUMBER_BYTES * (from + 1) + 1)
  end
  local a, b, c, d, e, f, g, h, i, j, k, l, m = struct.unpack(RING, ring)
  return head .. ring .. tail, a + b + c + d + e + f + g + h + i + j + k + l + m
end

-- section: now
-- Turns the ring on to the current slot; a clock that stepped back leaves it where it is.
local slot_ms = a
local slot, newest = values[i], floor(now / slot_ms)
if newest > slot then
  resting, values[i + 2] = turn(resting, offset, slot, values[i + 1], newest)
  values[i], values[i + 1], slot = newest, 0, newest
end

-- section: take
-- in   used, amount, position (the current slot)   out   wait (set only where it does not fit), reset
local slot_ms = a
if used + amount > limit then
  wait = NEVER
  if amount <= limit then
    local left, ring = used, {get(RING, resting, offset + 1)}
    ring[1 + position % RING_SLOTS] = values[i + 1]
    for leaving = position - RING_SLOTS + 1, position do
      left = left - ring[1 + leaving % RING_SLOTS]
      if left + amount <= limit then
        wait = (leaving + RING_SLOTS) * slot_ms - now
        break
      end
    end
  end
end
values[i + 1] = values[i + 1] + amount
reset = (position + RING_SLOTS) * slot_ms - now
if values[i + 1] <= 0 then
  -- The newest slot is empty: the last one to leave the window is an older one, if any.
  local ring, last = {get(RING, resting, offset + 1)}, position - 1
  while last > position - RING_SLOTS and ring[1 + last % RING_SLOTS] <= 0 do last = last - 1 end
  reset = last > position - RING_SLOTS and (last + RING_SLOTS) * slot_ms - now or 0
end
i, offset = i + RING_VALUES, offset + RING_BYTES

-- section: grow
-- A top-up counts in the current slot.   out   fits, position
fits, position = values[i + 1] + values[i + 2] + amount <= limit, slot
values[i + 1] = values[i + 1] + amount

-- section: close
-- What was used is divided among the hold and the pieces that top-ups added, in their order: each takes at
-- most what it holds, the last takes the rest.
-- in   amount, position (what is held, and in which slot); use, charge (what was used, and what was charged
--      earlier); slot
local piece = first_piece
repeat
  local next_piece
  for k = piece, last_number, PIECE_NUMBERS do
    if numbers[k] == item then
      next_piece = k
      break
    end
  end
  local part, part_charge = use, charge
  if next_piece then part, part_charge = min(use, amount), min(charge, amount) end
  local change = part - (is_open and amount or part_charge)
  use, charge = use - part, charge - part_charge
  if slot - position >= RING_SLOTS then
    -- The slot has left the window: only what was used beyond the hold counts, in the newest slot.
    if change > 0 then values[i + 1] = values[i + 1] + change end
  elseif position == slot then
    values[i + 1] = values[i + 1] + change
  else
    local place = offset + NUMBER_BYTES * (position % RING_SLOTS)
    values[i + 2] = values[i + 2] + change
    resting = replace(resting, place, get(NUMBER, resting, place + 1) + change)
  end
  if next_piece then
    amount, position = numbers[next_piece + 1], numbers[next_piece + 2]
    piece = next_piece + PIECE_NUMBERS
  end
until not next_piece
i, offset = i + RING_VALUES, offset + RING_BYTES
