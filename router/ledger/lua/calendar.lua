-- The calendar window: a day, a month, or an endless one (a prepaid balance). The gateway computes
-- the instants, in the customer's time zone; the scripts only compare. The window before is kept, for
-- what is settled late.
--
-- State  values[i]: used; values[i + 1]: held; values[i + 2]: pico-USD of `used` below a whole unit.
--        `resting`, from `offset` on: start, end, what the window before left over, the limit last
--        seen; of the window before: start, used, held, remainder.
-- Limit  used + held <= limit + what is carried over; limit -1: the one last seen.
-- Item   a, b, c: start, end and next end of the window of now; d: the most that is carried over.

-- section: window
-- The window of now; a hold in one that the gateway does not know of is refused as STALE.
-- out   used, most, position (its start), reset, carried (what the window before leaves, as capped today)
local begins, ends, next_ends, most_carried = a, b, c, d
if now >= next_ends or now < begins then return {STALE, item, 0, 0, 0, 0, now} end
local start, stop, left, last_limit = get(CALENDAR_NOW, resting, offset + 1)
if limit < 0 then most = last_limit end
if now >= stop then
  -- A stored window that has not ended stays: a change of time zone acts at the next boundary.
  local before = start
  left = last_limit + math.max(0, math.min(most_carried, left)) - values[i] - values[i + 1]
  start, stop = math.max(now < ends and begins or ends, stop), now < ends and ends or next_ends
  resting = sub(resting, 1, offset)
    .. put(CALENDAR, start, stop, left, most, before, values[i], values[i + 1], values[i + 2])
    .. sub(resting, offset + CALENDAR_BYTES + 1)
  values[i], values[i + 1], values[i + 2] = 0, 0, 0
elseif last_limit ~= most then
  resting = replace(resting, offset + CALENDAR_LIMIT_AT, most)
end
carried = left < most_carried and left or most_carried
if carried < 0 then carried = 0 end
most = most + carried
used, position, reset = values[i] + values[i + 1] + (values[i + 2] > 0 and 1 or 0), start, stop - now

-- section: take
-- out   wait, where it does not fit: until the window ends, if it then would
if used + amount > most then
  wait = (amount <= most - carried and limit >= 0) and reset or NEVER
end
values[i + 1] = values[i + 1] + amount
i, offset = i + CALENDAR_VALUES, offset + CALENDAR_BYTES

-- section: grow
-- A top-up counts in the window of admission.   in   position   out   fits
local most_carried = d
local start, stop, left, last_limit = get(CALENDAR_NOW, resting, offset + 1)
local before, _, before_held = get(THREE_NUMBERS, resting, offset + CALENDAR_BEFORE_START_AT + 1)
fits = false
if stop > 0 and start == position then
  local most = (limit >= 0 and limit or last_limit) + math.max(0, math.min(most_carried, left))
  fits = values[i] + values[i + 1] + (values[i + 2] > 0 and 1 or 0) + amount <= most
  values[i + 1] = values[i + 1] + amount
elseif stop > 0 and before == position and left >= amount then
  fits = true
  resting = replace(resting, offset + CALENDAR_LEFT_AT, left - amount)
  resting = replace(resting, offset + CALENDAR_BEFORE_HELD_AT, before_held + amount)
end

-- section: close
-- in   amount, position (what is held, and in which window); use, charge (what was used, and charged
--      before: in pico-USD where `scale` is that of money)
-- What a hold of the window before did not use is left over to the window of now.
local start, _, left = get(CALENDAR_NOW, resting, offset + 1)
local more, freed = is_open and use or use - charge, is_open and amount or 0
if start == position then
  more = values[i + 2] + more
  values[i], values[i + 2] = values[i] + floor(more / scale), more % scale
  values[i + 1] = values[i + 1] - freed
else
  local before, used, before_held, remainder =
    get(CALENDAR_BEFORE, resting, offset + CALENDAR_BEFORE_START_AT + 1)
  if before == position then
    more = remainder + more
    resting = replace(resting, offset + CALENDAR_LEFT_AT, left + freed - floor(more / scale))
    resting = replace(resting, offset + CALENDAR_BEFORE_USED_AT, used + floor(more / scale))
    resting = replace(resting, offset + CALENDAR_BEFORE_HELD_AT, before_held - freed)
    resting = replace(resting, offset + CALENDAR_BEFORE_REMAINDER_AT, more % scale)
  end
end
i, offset = i + CALENDAR_VALUES, offset + CALENDAR_BYTES
