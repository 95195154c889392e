-- A full round now. The operator copies the value to status.lastHandledRequest when it is done.
local os = require("os")
if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["leeward.dev/requested-at"] = os.date("!%Y-%m-%dT%XZ")
return obj
