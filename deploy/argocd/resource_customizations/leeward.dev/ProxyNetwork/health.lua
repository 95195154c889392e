-- Ready is True while a list of addresses is in use, and stays so while its source fails: the message says it then.
-- Both conditions and the status have observedGeneration; it is -1 until the operator has looked.
local hs = {status = "Progressing", message = "Leeward has not looked yet"}

if obj.metadata.deletionTimestamp ~= nil then
  hs.message = "Pending deletion"
  if obj.metadata.finalizers ~= nil and #obj.metadata.finalizers > 0 then
    hs.message = hs.message .. "; blocked by finalizers: " .. table.concat(obj.metadata.finalizers, ", ")
  end
  return hs
end

if obj.status == nil or obj.status.conditions == nil then
  return hs
end
if obj.status.observedGeneration ~= obj.metadata.generation then
  hs.message = "Leeward has not looked at this generation yet"
  return hs
end

local ready
local trouble
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Ready" then
    ready = condition
  elseif condition.status == "False" and (trouble == nil or condition.type == "Fetched") then
    trouble = condition
  end
end
if ready == nil then
  return hs
end

hs.message = ready.message
if trouble ~= nil then
  hs.message = trouble.reason .. ": " .. trouble.message
end
if ready.status == "True" then
  hs.status = "Healthy"
elseif trouble ~= nil and trouble.reason ~= "Unreachable" then
  -- A source that cannot be reached is tried again; what is wrong with the list or the spec takes somebody's hand.
  hs.status = "Degraded"
end
return hs
