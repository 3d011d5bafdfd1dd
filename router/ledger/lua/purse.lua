-- A run's purse: what it may use as a whole, with no window. It begins with the first request of the
-- run, and ends when its scope expires. The ceiling may be lowered by any request of the run, and never
-- rises again while the purse lasts.
--
-- State  values[i]: used; values[i + 1]: held; values[i + 2]: pico-USD of `used` below a whole unit.
--        `resting`, from `offset` on: since when it is open; the lowest ceiling asked for, plus one (0: none).
-- Limit  used + held <= the limit of the item, or the ceiling where that is lower.

-- section: window
-- out   used, most, position (since when it is open), reset (the limit in force, for the reply)
local since, ceiling = get(TWO_NUMBERS, resting, offset + 1)
local lower = run[RUN_CEILINGS + metric] + 1
if lower > 0 and (ceiling == 0 or lower < ceiling) then ceiling = lower end
if ceiling > 0 and ceiling - 1 < most then most = ceiling - 1 end
if since == 0 then since = now end
resting = replace(resting, offset, since)
resting = replace(resting, offset + NUMBER_BYTES, ceiling)
used, position, reset = values[i] + values[i + 1] + (values[i + 2] > 0 and 1 or 0), since, most

-- section: take
-- out   wait, where the amount does not fit: NEVER where nothing that runs could make room
if used + amount > most then
  wait = used - values[i + 1] + amount <= most and LEASES_WAIT_MS or NEVER
end
values[i + 1] = values[i + 1] + amount
i, offset = i + PURSE_VALUES, offset + PURSE_BYTES

-- section: grow
local since, ceiling = get(TWO_NUMBERS, resting, offset + 1)
local most = (ceiling > 0 and ceiling - 1 < limit) and ceiling - 1 or limit
fits = since == position
  and values[i] + values[i + 1] + (values[i + 2] > 0 and 1 or 0) + amount <= most
values[i + 1] = values[i + 1] + amount

-- section: close
-- in   amount, position; use, charge (as those of a calendar window). A purse that was opened since, after
--      this one expired, is another run's.
kept = true
if get(NUMBER, resting, offset + 1) == position then
  local more = values[i + 2] + (is_open and use or use - charge)
  values[i], values[i + 2] = values[i] + floor(more / scale), more % scale
  if is_open then values[i + 1] = values[i + 1] - amount end
end
i, offset = i + PURSE_VALUES, offset + PURSE_BYTES
