-- Closes up to `most` leases that have run out: charged for progress where one was reported, for
-- the prompt where it had only been dispatched, for nothing where it never was.
local function reap(leases, journal_key, prefix, now, most)
  local due = redis.call('ZRANGEBYSCORE', leases, '-inf', string.format('(%.0f', now), 'LIMIT', 0, most)
  for _, rid in ipairs(due) do
    local raw = redis.call('GET', prefix .. rid)
    redis.call('ZREM', leases, rid)
    local rec = raw and read_record(raw)
    if rec and rec[1] == 1 then
      local used = rec[5] ~= '' and rec[5] or rec[3] == 1 and rec[4] or string.rep('\0', 40)
      local vector = {struct.unpack(VECTOR, used)}
      apply(rec, vector, vector, now, true)
      journal(journal_key, rid, 0, 'expired', rec[2], now, used, rec[10], rec[6])
      rec[1], rec[5] = 3, used
      write_record(prefix .. rid, rec)
      redis.call('PEXPIRE', prefix .. rid, TOMBSTONE)
    end
  end
  return due
end
