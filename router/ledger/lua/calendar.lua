-- The calendar window: a day, a month, or an endless one (a prepaid balance). The gateway computes
-- the instants in the customer's time zone; the scripts only compare them. The previous window is kept,
-- because a request may settle after its window has ended.
--
-- State  values[i]: used; values[i + 1]: held; values[i + 2]: pico-USD of `used` below a whole unit.
--        `resting`, from `offset` on: start, end, what the previous window left unused, the limit
--        last seen; then start, used, held and remainder of the previous window.
-- Limit  used + held <= limit + what is carried over; limit -1: the limit last seen applies.
-- Item   a, b, c: start and end of the current window, end of the next; d: the most to carry over.

-- section: window
-- Moves the state on to the current window. Returns STALE where the current window is not one of those
-- that the call knows: the gateway has to compute its instants again.
-- out   used, most, position (the window's start), reset, carried (what the previous window left, capped)
local begins, ends, next_ends, most_carried = a, b, c, d
if now >= next_ends or now < begins then return {STALE, item, 0, 0, 0, 0, now} end
local start, stop, left, last_limit = get(CALENDAR_NOW, resting, offset + 1)
if limit < 0 then most = last_limit end
if now >= stop then
  -- A stored window stays until it ends, so a new time zone takes effect at the next boundary.
  local before = stop > 0 and start or -now
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
-- out   wait, where the amount does not fit: until the window ends, or NEVER if it would not fit then
if used + amount > most then
  wait = (amount <= most - carried and limit >= 0) and reset or NEVER
end
values[i + 1] = values[i + 1] + amount
i, offset = i + CALENDAR_VALUES, offset + CALENDAR_BYTES

-- section: grow
-- A top-up counts in the window in which its request was admitted.   in   position   out   fits
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
-- What a hold of the previous window did not use is carried over to the current one.
-- in   amount, position (what is held, and in which window); use, charge (what was used, and what was
--      charged earlier: in pico-USD where `scale` is that of money)
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
