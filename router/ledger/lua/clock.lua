-- A clock that does not run backwards: where TIME jumps back, it goes on from where it was, a tenth
-- slower until TIME has caught up. It is stored at most every REST ms, and by that much it may step
-- back once: the states take an earlier instant for their last one. `stored`: what is stored.
-- Defines now, and clock: what to store with the next write, if it is time.
local clock
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
now = now - now % 1
if stored then
  local last, last_real = struct.unpack(PAIR, stored)
  local ahead
  if now >= last_real then
    ahead = last - last_real
    if ahead > 0 then ahead = math.max(0, ahead - math.floor((now - last_real) / 10)) end
    if now - last_real >= REST then clock = struct.pack(PAIR, now + ahead, now) end
  else
    ahead = last - now
    clock = struct.pack(PAIR, now + ahead, now)
  end
  now = now + ahead
else
  clock = struct.pack(PAIR, now, now)
end
