-- SPDX-License-Identifier: Apache-2.0
-- The attestation extensions of ClientHello, EncryptedExtensions and CertificateRequest, in the
-- layouts of the drafts' versions. Which it is, a preference says: the bytes do not.
return function(codec, Place, names, tokens)
    local F, E = names.fields, names.experts
    local complain = tokens.complain
    local M = {}

    -- EvidenceType: what stands in front of the type itself, and the bounds of a nonce.
    local LAYOUTS = {
        ["ta-07"] = { kind = 1, encoding = 2, nonce_least = 8 },
        ["ta-03"] = { encoding = 1, kind = 2, nonce_least = 0 },
        ["ta-02"] = { encoding = 1, nonce_least = 0 },
        ["seat-04"] = { encoding = 1 }, -- the binder is in the nonce's place
    }

    local function argument(tree, c, encoding)
        if encoding == 0 then
            local format, range = c:number(2, "content_format")
            tree:add(F.content_format, range, format)
            local name = names.CONTENT_FORMATS[format]
            return string.format("cf:%d%s", format, name and " (" .. name .. ")" or "")
        elseif encoding == 1 then
            local value = c:vector(2, "media_type")
            local shown = Place.printable(value.data)
            tree:add(F.media_type, value.range, shown)
            if #value.data == 0 then
                complain(tree, E.unusual, "an empty media type")
            end
            return shown
        end
        Place.malformed("type_encoding: 0 or 1 expected, %d came; what follows cannot be skipped",
            encoding)
    end

    -- An EvidenceType, as an item of FIELD (offered or selected).
    local function evidence_type(tree, c, field, layout)
        local start = c.at
        local item = tree:add(field, c.place:span(start, c:left()), "evidence")
        local kind, encoding
        for _ = 1, layout.kind and 2 or 1 do
            if layout.kind == c.at - start + 1 then
                local range
                kind, range = c:number(1, "credential_kind")
                item:add(F.credential_kind, range, kind)
                if kind > 1 then
                    complain(item, E.malformed, "an unknown credential_kind")
                end
            else
                local range
                encoding, range = c:number(1, "type_encoding")
                item:add(F.type_encoding, range, encoding)
            end
        end
        local shown = argument(item, c, encoding)
        if kind then
            shown = shown .. ", " .. (names.CREDENTIAL_KINDS[kind] or "kind " .. kind)
        end
        item:set_len(c.at - start)
        item:set_text((field == F.offered and "Offered: " or "Selected: ") .. shown)
        return shown
    end

    local function verifier(tree, c, field)
        local start = c.at
        local value = c:vector(2, "verifier_identity")
        local shown = Place.printable(value.data)
        local item = tree:add(field, c.place:span(start, c.at - start), shown)
        item:add(F.verifier_id, value.range, shown)
        return shown
    end

    local function scheme(tree, c, field)
        local start = c.at
        local mechanism, range = c:number(1, "mechanism")
        local item = tree:add(field, c.place:span(start, c:left()), "scheme")
        item:add(F.mechanism, range, mechanism)
        local shown
        if mechanism == 0 then
            shown = evidence_type(item, c, field, LAYOUTS["seat-04"])
        elseif mechanism == 1 then
            shown = verifier(item, c, field)
        else
            Place.malformed("mechanism: 0 or 1 expected, %d came; what follows cannot be skipped",
                mechanism)
        end
        item:set_len(c.at - start)
        item:set_text(string.format("%s: %s %s", field == F.offered and "Offered" or "Selected",
            names.MECHANISMS[mechanism], shown))
    end

    local function nonce(tree, c, layout)
        local value = c:vector(1, "nonce")
        local item = tree:add(F.nonce, value.range)
        if #value.data < layout.nonce_least then
            complain(item, E.malformed, string.format("a nonce has at least %d bytes, %d came",
                layout.nonce_least, #value.data))
        end
    end

    -- A list with a length of SIZE bytes; READ reads one element.
    local function list(tree, c, size, what, read)
        local value, range = c:vector(size, what)
        tree:add(F.list_length, range, #value.data)
        local elements = value:cursor()
        local count = 0
        while elements:left() > 0 do
            read(tree, elements)
            count = count + 1
        end
        return count
    end

    local function evidence(offer_nonce, reply_nonce, fixed)
        return function(item, c, message, profile)
            local layout = fixed or LAYOUTS[profile]
            if message == "ClientHello" then
                local count = list(item, c, 1, "evidence types", function(tree, elements)
                    evidence_type(tree, elements, F.offered, layout)
                end)
                if count == 0 then
                    complain(item, E.malformed, "a list without an evidence type")
                end
            else
                evidence_type(item, c, F.selected, layout)
            end
            local with_nonce = message == "ClientHello" and offer_nonce
                or message ~= "ClientHello" and reply_nonce
            if with_nonce and layout.nonce_least then
                nonce(item, c, layout)
            end
        end
    end

    local function verifiers(item, c, message)
        if message ~= "ClientHello" then
            return verifier(item, c, F.selected)
        end
        local count = list(item, c, 1, "trusted_verifiers", function(tree, elements)
            verifier(tree, elements, F.offered)
        end)
        if count == 0 then
            complain(item, E.malformed, "a list without a verifier")
        end
    end

    local function schemes(item, c, message)
        if message ~= "ClientHello" then
            return scheme(item, c, F.selected)
        end
        local count = 0
        for _, what in ipairs({ "server_attester_schemes", "client_attester_schemes" }) do
            local value, range = c:vector(2, what)
            local sub = item:add(F.list_length, range, #value.data):append_text(", " .. what)
            local elements = value:cursor()
            while elements:left() > 0 do
                scheme(sub, elements, F.offered)
                count = count + 1
            end
        end
        if count == 0 then
            complain(item, E.malformed, "both lists are empty")
        end
    end

    local function only_offered(_, c)
        if c:left() > 0 then
            Place.malformed("an empty body was expected, %d bytes came", c:left())
        end
    end

    -- What reads the extension, and the messages that may have it.
    local BOTH_HELLOS = { ClientHello = true, EncryptedExtensions = true }
    local READERS = {
        evidence_request = { evidence(true, false), BOTH_HELLOS },
        evidence_proposal = { evidence(false, true), BOTH_HELLOS },
        poc_evidence_proposal = { evidence(false, true, LAYOUTS["ta-02"]), BOTH_HELLOS },
        results_request = { verifiers, BOTH_HELLOS },
        results_proposal = { verifiers, BOTH_HELLOS },
        remote_attestation = { schemes,
            { ClientHello = true, EncryptedExtensions = true, CertificateRequest = true } },
        cmw_attestation = { only_offered,
            { CertificateRequest = true, ClientCertificateRequest = true } },
        attestation = { only_offered, { ClientHello = true, CertificateRequest = true } },
        attestation_evidence = { only_offered, { ClientHello = true, CertificateRequest = true } },
    }

    -- BODY is the extension's data, MESSAGE the title of the message that it is in.
    function M.read(item, body, name, message, profile)
        local reader = READERS[name]
        if not reader[2][message] then
            complain(item, E.unusual, name .. " does not belong into " .. message)
        end
        local c = body:cursor()
        reader[1](item, c, message, profile)
        c:finish(name)
    end

    return M
end
