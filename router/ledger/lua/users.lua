-- An end user who has no scope yet. If the organization has brought too many new users today, this one
-- counts in the scope that all further ones share.
-- in   ask, known, scopes, body, at   out   state, key, new_user; body and at, changed for a shared scope
new_user = true
if ask[ASK_USERS_PER_DAY] > 0
  and tonumber(known[KEYS_BEFORE_SCOPES + scopes] or 0) >= ask[ASK_USERS_PER_DAY] then
  new_user = false
  state = known[KEYS_BEFORE_SCOPES + 1 + scopes]
  key = keys[KEYS_BEFORE_SCOPES + 2 + scopes]
  -- include: readdress
end
