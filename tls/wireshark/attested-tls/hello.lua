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
        ["poc-mbedtls"] = { encoding = 1, nonce_least = 0, constant = "\0\1\2\3\4\5\6\7" },
    }

    -- What an element consists of: an item's value must be known before there is an item, and the
    -- parts hang below it.
    local Parts = {}
    Parts.__index = Parts
    local function parts()
        return setmetatable({}, Parts)
    end
    function Parts:add(field, range, value)
        self[#self + 1] = { field, range, value }
    end
    function Parts:below(item)
        for _, part in ipairs(self) do
            item:add(part[1], part[2], part[3])
        end
    end

    local function argument(found, c, encoding)
        if encoding == 0 then
            local format, range = c:number(2, "content_format")
            found:add(F.content_format, range, format)
            local name = names.CONTENT_FORMATS[format]
            return string.format("cf:%d%s", format, name and " (" .. name .. ")" or "")
        elseif encoding == 1 then
            local value = c:vector(2, "media_type")
            local shown = Place.printable(value.data)
            found:add(F.media_type, value.range, shown)
            return shown == "" and "an empty media type" or shown
        end
        Place.malformed("type_encoding: 0 or 1 expected, %d came; what follows cannot be skipped",
            encoding)
    end

    -- An EvidenceType: its text and its parts.
    local function evidence_type(c, layout)
        local found = parts()
        local kind, encoding, range
        for octet = 1, layout.kind and 2 or 1 do
            if layout.kind == octet then
                kind, range = c:number(1, "credential_kind")
                found:add(F.credential_kind, range, kind)
            else
                encoding, range = c:number(1, "type_encoding")
                found:add(F.type_encoding, range, encoding)
            end
        end
        local shown = argument(found, c, encoding)
        if kind and kind > 1 then
            Place.malformed("credential_kind: 0 or 1 expected, %d came", kind)
        elseif kind then
            shown = shown .. ", " .. names.CREDENTIAL_KINDS[kind]
        end
        return shown, found
    end

    local function verifier(c)
        local found = parts()
        local value = c:vector(2, "verifier_identity")
        local shown = Place.printable(value.data)
        found:add(F.verifier_id, value.range, shown)
        return shown, found
    end

    local function scheme(c)
        local mechanism, range = c:number(1, "mechanism")
        local shown, found
        if mechanism == 0 then
            shown, found = evidence_type(c, LAYOUTS["seat-04"])
        elseif mechanism == 1 then
            shown, found = verifier(c)
        else
            Place.malformed("mechanism: 0 or 1 expected, %d came; what follows cannot be skipped",
                mechanism)
        end
        table.insert(found, 1, { F.mechanism, range, mechanism })
        return names.MECHANISMS[mechanism] .. " " .. shown, found
    end

    -- Reads an element and shows it as FIELD, which is offered or selected.
    local function element(tree, c, field, read, ...)
        local start = c.at
        local shown, found = read(c, ...)
        found:below(tree:add(field, c.place:span(start, c.at - start), shown))
    end

    local function nonce(tree, c, layout)
        local value = c:vector(1, "nonce")
        local item = tree:add(F.nonce, value.range)
        if layout.constant == value.data then
            complain(item, E.unusual, "the nonce that the prototype of 2022 sends in every connection")
        end
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
                    element(tree, elements, F.offered, evidence_type, layout)
                end)
                if count == 0 then
                    complain(item, E.malformed, "a list without an evidence type")
                end
            else
                element(item, c, F.selected, evidence_type, layout)
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
            return element(item, c, F.selected, verifier)
        end
        local count = list(item, c, 1, "trusted_verifiers", function(tree, elements)
            element(tree, elements, F.offered, verifier)
        end)
        if count == 0 then
            complain(item, E.malformed, "a list without a verifier")
        end
    end

    local function schemes(item, c, message)
        if message ~= "ClientHello" then
            return element(item, c, F.selected, scheme)
        end
        local count = 0
        for _, what in ipairs({ "server_attester_schemes", "client_attester_schemes" }) do
            local value, range = c:vector(2, what)
            local sub = item:add(F.list_length, range, #value.data):append_text(", " .. what)
            local elements = value:cursor()
            while elements:left() > 0 do
                element(sub, elements, F.offered, scheme)
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
        poc_evidence_proposal = { evidence(false, true, LAYOUTS["poc-mbedtls"]), BOTH_HELLOS },
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
