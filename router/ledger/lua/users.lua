-- An end user who has no scope yet. If the organization has brought too many new users today, this one
-- counts in the scope that all further ones share.
-- in   ask, known, scopes, body, at   out   state, key, new_user; body and at, changed for a shared scope
new_user = true
if ask[ASK_USERS_PER_DAY] > 0
  and tonumber(known[KEYS_BEFORE_SCOPES + scopes] or 0) >= ask[ASK_USERS_PER_DAY] then
  new_user = false
  state = known[KEYS_BEFORE_SCOPES + 1 + scopes]
  key = keys[KEYS_BEFORE_SCOPES + 2 + scopes]
  local shared = {unpack(keys, KEYS_BEFORE_SCOPES + 1, KEYS_BEFORE_SCOPES + scopes)}
  shared[scope] = key
  local addresses = table.concat(shared, '\n')
  body = sub(body, 1, ADDRESSES_FIRST_BYTE - 1) .. put(ADDRESSES_SIZE, #addresses)
    .. sub(body, BODY_HEAD_BYTES + 1, BODY_BYTES) .. addresses .. sub(body, ask[ASK_PLAN_AT])
  at = at + #addresses + BODY_BYTES + 1 - ask[ASK_PLAN_AT]
end
