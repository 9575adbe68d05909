-- SPDX-License-Identifier: Apache-2.0
-- Attestation results: an EAR in a JWS in compact serialization, in Veraison's dialect and in that
-- of draft-ietf-rats-ear. Header and claims are decoded, and shown by Wireshark's JSON dissector.
return function(codec, Place, names, tokens)
    local F, E = names.fields, names.experts
    local complain = tokens.complain
    local M = {}

    local function first(node, ...)
        for _, name in ipairs({ ... }) do
            local found = codec.member(node, name)
            if found then
                return found
            end
        end
        return nil
    end

    local function text(tree, place, node, field)
        if node then
            local value = node.kind == "text" and node.value or node.text or node.kind
            return tree:add(field, place:span(node.at, node.size), Place.printable(value))
        end
    end

    local function time(tree, place, node, field)
        if node == nil then
            return
        end
        local seconds = node.kind == "integer" and node.value
        local known = seconds and seconds >= 0 and seconds < 2 ^ 35
        local shown = known and os.date("!%Y-%m-%dT%H:%M:%SZ", math.floor(seconds)) or "no time"
        tree:add(field, place:span(node.at, node.size), shown):append_text(
            " (" .. Place.printable(node.text or node.kind) .. ")")
    end

    -- base64url in JSON as the bytes it stands for. Some verifiers pad it, or write plain base64.
    local function binary(tree, node, field, title)
        local data = node and node.kind == "text" and codec.base64url(
            (node.value:gsub("=+$", ""):gsub("%+", "-"):gsub("/", "_")))
        local decoded = data and Place.decoded(data, title)
        if decoded then
            tree:add(field, decoded.range)
        elseif node then
            complain(tree, E.malformed, title .. ": base64url was expected")
        end
    end

    -- draft-ietf-rats-ar4si section 2.3.2
    local function tier_of(value)
        local size = value < 0 and -value - 1 or value
        if size < 2 then
            return "none"
        end
        return size < 32 and "affirming" or size < 96 and "warning" or "contraindicated"
    end

    local function trust_vector(tree, place, vector)
        for _, pair in ipairs(vector and vector.pairs or {}) do
            local value = pair.value.kind == "integer" and pair.value.value
            tree:add(F.ear_trust, place:span(pair.value.at, pair.value.size),
                string.format("%s: %s", Place.printable(pair.key.value),
                    value and string.format("%.0f, %s", value, tier_of(value)) or pair.value.kind))
        end
    end

    local function submod(tree, place, pair)
        local node = pair.value
        local item = tree:add(F.ear_submod, place:span(node.at, node.size),
            Place.printable(pair.key.value))
        local status = first(node, "ear.status", "ear_status")
        text(item, place, status, F.ear_status)
        if status and status.kind == "text" then
            item:append_text(": " .. Place.printable(status.value))
        end
        trust_vector(item, place, first(node, "ear.trustworthiness-vector",
            "ear_trustworthiness_vector"))
        local key = first(node, "ear.veraison.key-attestation", "ear_veraison_key_attestation")
        binary(item, codec.member(key, "akpub"), F.ear_key, "Attested key")
        local claims = first(node, "ear.veraison.policy-claims", "ear_veraison_policy_claims")
        text(item, place, codec.member(claims, "atls.reason"), F.ear_reason)
    end

    local function ear(tree, place, node)
        text(tree, place, codec.member(node, "eat_profile"), F.ear_profile)
        text(tree, place, codec.member(node, "iss"), F.ear_issuer)
        local verifier = first(node, "ear.verifier-id", "ear_verifier_id")
        text(tree, place, codec.member(verifier, "developer"), F.ear_verifier)
        time(tree, place, codec.member(node, "iat"), F.ear_issued)
        time(tree, place, codec.member(node, "exp"), F.ear_expires)
        binary(tree, codec.member(node, "eat_nonce"), F.ear_nonce, "eat_nonce")
        local submods = codec.member(node, "submods")
        if submods == nil or submods.kind ~= "map" or #submods.pairs == 0 then
            return complain(tree, E.malformed, "an EAR has submods (draft-ietf-rats-ear section 3.1)")
        end
        for _, pair in ipairs(submods.pairs) do
            submod(tree, place, pair)
        end
    end

    -- A column as it was: what stands before its fence cannot be cleared, and is not written again.
    local function restore(column, before)
        column:clear()
        column:append(before:sub(#tostring(column) + 1))
    end

    -- Wireshark's JSON dissector, without what it writes into the columns.
    local function as_wireshark_shows(tree, place, pinfo)
        local protocol, info = tostring(pinfo.cols.protocol), tostring(pinfo.cols.info)
        pcall(function()
            Dissector.get("json"):call(place.range:tvb(), pinfo, tree)
        end)
        restore(pinfo.cols.protocol, protocol)
        restore(pinfo.cols.info, info)
    end

    -- JSON, as claims of an EAR where it is that.
    function M.claims(tree, place, pinfo)
        local node, problem = codec.json(place.data)
        if node == nil then
            return complain(tree, E.malformed, problem)
        end
        if problem[1] then
            complain(tree, E.malformed, problem[1])
        end
        if first(node, "submods", "ear.verifier-id", "ear_verifier_id") then
            ear(tree, place, node)
        end
        as_wireshark_shows(tree, place, pinfo)
    end

    -- A part of the JWS; nil, and a complaint, where it is no base64url.
    local function part_of(tree, text_of_part, title)
        local data, problem = codec.base64url(text_of_part)
        local place = data and Place.decoded(data, title)
        if place == nil then
            complain(tree, E.malformed, title .. ": " .. (problem or "it is empty"))
        end
        return place
    end

    -- JWS compact serialization (RFC 7515 section 7.1).
    function M.jws(tree, place, pinfo)
        local item = tree:add(F.jwt, place.range, string.format("%d bytes", #place.data))
        local header, payload, signature = place.data:match("^([^.]*)%.([^.]*)%.([^.]*)$")
        if header == nil then
            return complain(item, E.malformed, "a JWS has three parts (RFC 7515 section 7.1)")
        end
        local decoded = part_of(item, header, "JWS header")
        if decoded then
            local sub = item:add(F.jwt_header, decoded.range, Place.printable(decoded.data))
            local node, problem = codec.json(decoded.data)
            text(sub, decoded, codec.member(node, "alg"), F.jwt_algorithm)
            if node == nil then
                complain(sub, E.malformed, problem)
            end
        end
        decoded = part_of(item, payload, "JWS payload")
        if decoded then
            M.claims(item:add(F.jwt_claims, decoded.range, string.format("%d bytes",
                #decoded.data)), decoded, pinfo)
        end
        if #signature == 0 then
            return complain(item, E.unusual, "the signature is empty")
        end
        decoded = part_of(item, signature, "JWS signature")
        if decoded then
            item:add(F.jwt_signature, decoded.range)
        end
    end

    return M
end
