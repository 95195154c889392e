-- The conditions are those of kstatus: Ready, and Reconciling or Stalled while they are True; each with
-- observedGeneration, as the status itself, which is -1 until the operator has looked.
-- A site that is down leaves the resource Healthy, with the cause in the message, unless readyWhen is OriginHealthy.
local hs = {status = "Progressing", message = "Leeward has not looked yet"}

if obj.metadata.deletionTimestamp ~= nil then
  hs.message = "Pending deletion"
  if obj.metadata.finalizers ~= nil and #obj.metadata.finalizers > 0 then
    hs.message = hs.message .. "; blocked by finalizers: " .. table.concat(obj.metadata.finalizers, ", ")
  end
  return hs
end

if obj.spec ~= nil and obj.spec.suspend then
  return {status = "Suspended", message = "spec.suspend is true"}
end

if obj.status == nil or obj.status.conditions == nil then
  return hs
end
if obj.status.observedGeneration ~= obj.metadata.generation then
  hs.message = "Leeward has not looked at this generation yet"
  return hs
end

local found = {}
for _, condition in ipairs(obj.status.conditions) do
  found[condition.type] = condition
end

local function says(condition)
  if condition.message == nil or condition.message == "" then
    return condition.reason
  end
  return condition.reason .. ": " .. condition.message
end

local function is(condition, status)
  return condition ~= nil and condition.status == status
end

if found.Ready == nil then
  return hs
end
if is(found.Stalled, "True") then
  return {status = "Degraded", message = says(found.Stalled)}
end
if is(found.Ready, "True") then
  return {status = "Healthy", message = says(found.OriginHealthy or found.Ready)}
end

hs.message = says(found.Ready)
-- Ready is False for the site's sake only if readyWhen asks for it.
if is(found.OriginHealthy, "False") and found.Ready.reason == found.OriginHealthy.reason then
  hs.status = "Degraded"
end
return hs
