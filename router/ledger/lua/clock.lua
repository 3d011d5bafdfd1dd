-- A clock that does not run backwards. When the server's TIME jumps back, this clock goes on from its last
-- value and runs a tenth slower until TIME has caught up. It is stored at most once in CLOCK_REST_MS, so it
-- may step back once by up to that much; a state that sees an instant before its own keeps its own. A jump
-- back is stored at once, also by who writes nothing else: until it is, this clock stands still.
--
-- in   clock_key
--      stored   the stored pair: the last instant given and the server's time at that moment; or false
-- out  now      milliseconds
--      clock    what to store with the next write, or nil where that can wait
local clock
local time = redis.call('TIME')
local now = time[1] * SECOND_MS + time[2] / SECOND_MS
now = now - now % 1
if stored then
  local last, last_real = struct.unpack(CLOCK_PAIR, stored)
  local ahead
  if now >= last_real then
    ahead = last - last_real
    if ahead > 0 then ahead = math.max(0, ahead - math.floor((now - last_real) / CLOCK_SLEW)) end
    if now - last_real >= CLOCK_REST_MS then clock = struct.pack(CLOCK_PAIR, now + ahead, now) end
  else
    ahead = last - now
    redis.call('SET', clock_key, struct.pack(CLOCK_PAIR, now + ahead, now))
  end
  now = now + ahead
else
  clock = struct.pack(CLOCK_PAIR, now, now)
end
