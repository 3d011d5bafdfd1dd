-- Equal requests of a run: how often each of the last few was sent. Only a keyed hash of a request is kept.
--
-- State  `resting`, from `offset` on: in each of ECHO_PLACES places a hash, and how often it came. A hash has
--        one place, by its value; another one that falls there takes it over.
-- Limit  the times that one request may come.

-- section: window
-- out   used, amount, position, reset (how often this request came, this time included)
local place = offset + 2 * NUMBER_BYTES * (run[RUN_HASH] % ECHO_PLACES)
local hash, times = get(TWO_NUMBERS, resting, place + 1)
if hash ~= run[RUN_HASH] then times = 0 end
resting = replace(resting, place, run[RUN_HASH])
resting = replace(resting, place + NUMBER_BYTES, times + one)
used, amount, position, reset = times, one, 0, times + one

-- section: take
if used + amount > most then wait = NEVER end
i, offset = i + ECHO_VALUES, offset + ECHO_BYTES
