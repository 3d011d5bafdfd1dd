-- Marks that a hold was once reserved, anew where its mark may be forgotten before a quarter of an
-- hour is over. `mark`: what the key holds.
local function remember(key, mark, bit, now)
  if not mark then
    redis.call('SET', key, struct.pack('<d', now) .. string.rep('\0', 32), 'PX', MARK_LIFE)
  elseif now - struct.unpack('<d', mark) > MARK_FRESH then
    redis.call('SETRANGE', key, 0, struct.pack('<d', now))
    redis.call('PEXPIRE', key, MARK_LIFE)
  end
  redis.call('SETBIT', key, MARK_BITS + bit, 1)
end
