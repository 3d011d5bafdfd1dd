-- Heartbeats of many open holds of one virtual shard: extends their leases and stores their progress.
--
-- KEYS    open holds, clock
-- ARGV    lease ms; then for each hold: its id, 'd' where a backend was reached, vector of progress (or
--         empty), payload (or empty)
-- time    milliseconds
-- returns for each hold RENEWED, or GONE where it is no longer open: its request must end

-- include: hold.plan_end

local clock_key = KEYS[2]
local stored = redis.call('GET', clock_key)
-- include: clock
local args, lease_ms, reply = ARGV, tonumber(ARGV[1]), {}
for at = 2, #args, RENEW_ARGUMENTS do
  local hold_id, reached, vector, reported = unpack(args, at, at + RENEW_ARGUMENTS - 1)
  local record = redis.call('HGET', KEYS[1], hold_id)
  if record then
    local items, pieces = struct.unpack(HOLD_HEAD, record)
    local numbers = HOLD_NUMBERS + ITEM_NUMBERS * items + PIECE_NUMBERS * pieces
    local body = HOLD_HEAD_BYTES + 1 + NUMBER_BYTES * numbers
    local dispatched, progress, payload, length = struct.unpack(BODY, record, body)
    local behind = plan_end(record, body + BODY_BYTES + length)
    local meta = string.sub(record, behind + progress + payload)
    if vector == '' then vector = string.sub(record, behind, behind + progress - 1) end
    if reported == '' then
      reported = string.sub(record, behind + progress, behind + progress + payload - 1)
    end
    if reached == 'd' then dispatched = 1 end
    redis.call('HSET', KEYS[1], hold_id, string.sub(record, 1, HOLD_HEAD_BYTES)
      .. struct.pack(NUMBER, now + lease_ms)
      .. string.sub(record, HOLD_HEAD_BYTES + NUMBER_BYTES + 1, body - 1)
      .. struct.pack(BODY, dispatched, #vector, #reported, length)
      .. string.sub(record, body + BODY_HEAD_BYTES, behind - 1) .. vector .. reported .. meta)
    reply[#reply + 1] = RENEWED
  else
    reply[#reply + 1] = GONE
  end
end
if clock then redis.call('SET', KEYS[2], clock) end
return reply
