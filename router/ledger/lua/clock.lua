-- A clock that does not run backwards: where TIME jumps back, it goes on from where it was, a tenth
-- slower until TIME has caught up. It is stored at most every REST ms, and by that much it may step
-- back once: the states take an earlier instant for their last one. `stored`: what is stored.
-- Returns now, and what to store with the next write, if it is time.
local function clock_at(stored)
  local t = redis.call('TIME')
  local real = t[1] * 1000 + math.floor(t[2] / 1000)
  if not stored then return real, struct.pack(PAIR, real, real) end
  local last, last_real = struct.unpack(PAIR, stored)
  local ahead
  if real >= last_real then
    ahead = last - last_real
    ahead = math.max(0, ahead - math.floor((real - last_real) / 10))
    if real - last_real < REST then return real + ahead end
  else
    ahead = last - real
  end
  return real + ahead, struct.pack(PAIR, real + ahead, real)
end
