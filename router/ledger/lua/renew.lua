-- Heartbeats of many open requests of one virtual shard: extends leases, keeps their progress.
-- KEYS: leases, clock, then one record per request.
-- ARGV: lease ms, then for each request: rid, 'd' where a backend was reached, vector of progress
--       (or empty), payload.
-- Returns for each request 0, or -3 where its lease is gone: stop serving it.

-- include: clock records

local now, clock = clock_at(redis.call('GET', KEYS[2]))
local lease, reply = tonumber(ARGV[1]), {}
for n = 3, #KEYS do
  local at = 4 * (n - 3) + 2
  local raw = redis.call('GET', KEYS[n])
  local rec = raw and read_record(raw)
  if rec and rec[1] == 1 then
    if ARGV[at + 1] == 'd' then rec[3] = 1 end
    if ARGV[at + 2] ~= '' then rec[5] = ARGV[at + 2] end
    if ARGV[at + 3] ~= '' then rec[6] = ARGV[at + 3] end
    write_record(KEYS[n], rec)
    redis.call('ZADD', KEYS[1], 'XX', now + lease, ARGV[at])
    reply[n - 2] = 0
  else
    reply[n - 2] = -3
  end
end
if clock then redis.call('SET', KEYS[2], clock) end
return reply
