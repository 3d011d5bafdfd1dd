-- Heartbeats of many open requests of one virtual shard: extends leases, keeps their progress.
-- KEYS: holds, clock.
-- ARGV: lease ms, then for each request: rid, 'd' where a backend was reached, vector of progress
--       (or empty), payload.
-- Returns for each request 0, or -3 where its lease is gone: stop serving it.

local stored = redis.call('GET', KEYS[2])
-- include: clock
local lease, reply = tonumber(ARGV[1]), {}
for at = 2, #ARGV, 4 do
  local rid, vector, told = ARGV[at], ARGV[at + 2], ARGV[at + 3]
  local rec = redis.call('HGET', KEYS[1], rid)
  if rec then
    local _, count, pieces = struct.unpack(HEAD, rec)
    local body = HEAD_SIZE + 1 + 16 * (1 + count) + 24 * pieces
    local dispatched, progress, payload, length = struct.unpack(BODY, rec, body)
    local plan = body + BODY_SIZE + length
    local behind = plan + 2
    for _ = 1, string.byte(rec, plan) do
      local size, items = string.byte(rec, behind, behind + 1)
      behind = behind + 3 + size + items * ITEM_SIZE
    end
    local meta = string.sub(rec, behind + progress + payload)
    if vector == '' then vector = string.sub(rec, behind, behind + progress - 1) end
    if told == '' then told = string.sub(rec, behind + progress, behind + progress + payload - 1) end
    if ARGV[at + 1] == 'd' then dispatched = 1 end
    redis.call('HSET', KEYS[1], rid, string.sub(rec, 1, HEAD_SIZE) .. struct.pack('<d', now + lease)
      .. string.sub(rec, HEAD_SIZE + 9, body - 1) .. struct.pack(BODY, dispatched, #vector, #told, length)
      .. string.sub(rec, body + 8, behind - 1) .. vector .. told .. meta)
    reply[#reply + 1] = 0
  else
    reply[#reply + 1] = -3
  end
end
if clock then redis.call('SET', KEYS[2], clock) end
return reply
