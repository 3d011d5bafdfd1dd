-- Lets the ledger's time follow the server's clock again, after it was held back. What is open keeps what
-- is left of its lease.
--
-- KEYS    clock, open holds
-- ARGV    for how long nothing may have been served: every sliding window is empty then; 0: follow now
-- time    milliseconds
-- returns 1: it follows, 0: it did before, or somebody was served lately

local stored = redis.call('GET', KEYS[1])
if not stored then return 0 end
local time = redis.call('TIME')
local now = time[1] * SECOND_MS + time[2] / SECOND_MS
now = now - now % 1
local last, last_real = struct.unpack(CLOCK_PAIR, stored)
if last >= last_real or now - last_real < tonumber(ARGV[1]) then return 0 end
local holds = redis.call('HGETALL', KEYS[2])
for k = 1, #holds, 2 do
  local record = holds[k + 1]
  local ends = struct.unpack(NUMBER, record, HOLD_HEAD_BYTES + 1)
  redis.call('HSET', KEYS[2], holds[k], string.sub(record, 1, HOLD_HEAD_BYTES)
    .. struct.pack(NUMBER, ends + last_real - last) .. string.sub(record, HOLD_HEAD_BYTES + NUMBER_BYTES + 1))
end
redis.call('SET', KEYS[1], struct.pack(CLOCK_PAIR, now, now))
return 1
